/** An answer that was given, next to the one that was wanted. */
export interface ScoredAnswer {
  task: string;
  output: string;
  answer: string;
}

/** Exact match, white space around it aside. */
export function isRight({ output, answer }: ScoredAnswer): boolean {
  return answer.trim() === output.trim();
}

/** The share of right answers of each task, in the order in which the tasks first come. */
export function scoreTasks(answers: Iterable<ScoredAnswer>): Map<string, number> {
  const rights = new Map<string, boolean[]>();
  for (const answer of answers)
    rights.set(answer.task, [...(rights.get(answer.task) ?? []), isRight(answer)]);
  return new Map(Array.from(rights, ([task, right]) => [task, share(right)]));
}

/** The mean over tasks, each counting the same; NaN without tasks. */
export function averageScore(scores: ReadonlyMap<string, number>): number {
  return [...scores.values()].reduce((sum, score) => sum + score, 0) / scores.size;
}

function share(right: readonly boolean[]): number {
  return right.filter(Boolean).length / right.length;
}
