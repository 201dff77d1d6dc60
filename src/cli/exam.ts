import { alpaca } from "../data/formats/alpaca.ts";
import type { InstructionRow } from "../demo/instructions.ts";
import type { Examinee } from "../evaluation/examinee.ts";
import { measure, type Result } from "../evaluation/measure.ts";
import { exampleQuestion } from "../evaluation/questions/example_question.ts";
import { type Question, questionText } from "../evaluation/questions/question.ts";
import { isExact } from "../evaluation/scores/exact_match.ts";
import type { Talk } from "../generation/talk.ts";
import { groupBy } from "../text/group_by.ts";

/** The questions of an Alpaca file, and what a model answers. */
export interface Exam {
  questions: readonly Question[];
  results: readonly Result[];
}

const MAX_TOKENS = 16; // more than any right answer has

/** Puts each row's question as training puts it, and takes the likeliest answer. `tell` is called with the number of answers. */
export async function takeExam(
  model: Pick<Talk, "chatBatch">,
  rows: readonly InstructionRow[],
  { tell, signal }: { tell: (answered: number) => void; signal?: AbortSignal },
): Promise<Exam> {
  const questions = rows.map(questionOf);
  const nothing = questions.map(() => ({ sequences: [], choices: [] })); // only answers are asked for
  tell(0);
  const onProgress = (done: number) => tell(Math.max(0, done - questions.length));
  const options = { maxTokens: MAX_TOKENS, signal, onProgress };
  return { questions, results: await measure(questions, nothing, examineeOf(model), options) };
}

function questionOf(row: InstructionRow, i: number): Question {
  const example = alpaca.read({ ...row }, { file: "held out", row: i + 1 });
  return { ...exampleQuestion(example)!, task: row.task };
}

const examineeOf = (model: Pick<Talk, "chatBatch">): Pick<Examinee, "answers" | "likelihoods"> => ({
  likelihoods: async () => ({ nll: [], right: [] }),
  async answers(prompts, options) {
    const conversations = prompts.flatMap((prompt) => (prompt.kind === "chat" ? [prompt.messages] : []));
    return (await model.chatBatch(conversations, options)).map(({ text }) => text);
  },
});

/** The share of right answers of each task, in the order in which the tasks first come. */
export function examScores({ questions, results }: Exam): Map<string, number> {
  const isRight = (i: number) => isExact(results[i]!.answer ?? "", questions[i]!.references);
  const tasks = groupBy(questions.keys(), (i) => questions[i]!.task);
  return new Map(
    Array.from(tasks, ([task, places]) => [task, places.filter(isRight).length / places.length]),
  );
}

/** The mean over tasks, each counting the same; NaN without tasks. */
export const averageScore = (scores: ReadonlyMap<string, number>): number =>
  [...scores.values()].reduce((sum, score) => sum + score, 0) / scores.size;

/** The first question of every n-th task with two models' answers: as they come, not chosen. */
export function answerPairs(before: Exam, after: Exam, everyTask: number) {
  const tasks = [...new Set(before.questions.map(({ task }) => task))].filter((_, i) => i % everyTask === 0);
  return tasks.map((wanted) => {
    const i = before.questions.findIndex(({ task }) => task === wanted);
    const { prompt, references } = before.questions[i]!;
    return {
      question: questionText(prompt),
      output: references[0]!,
      before: before.results[i]!.answer ?? "",
      after: after.results[i]!.answer ?? "",
    };
  });
}
