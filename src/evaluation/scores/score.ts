/** A score of many answers. What each answer adds is summed, and the sums give the value: so rows can be drawn again and again. */
export interface Score {
  /** As `evaluation.json` has it. */
  name: string;
  /** What one answer adds, [terms]. Of several references the best counts. */
  terms(answer: string, references: readonly string[]): number[];
  /** The score of the sums of all answers' terms. */
  value(sums: ArrayLike<number>): number;
}

/** A score that is the mean over the answers of a number from 0 to 1. */
export function meanScore(
  name: string,
  of: (answer: string, references: readonly string[]) => number | boolean,
): Score {
  return { name, terms: (answer, references) => [Number(of(answer, references)), 1], value: ratio };
}

/** The first term divided by the second; 0 where there is nothing to divide by. */
export const ratio = (sums: ArrayLike<number>): number => (sums[1] === 0 ? 0 : sums[0]! / sums[1]!);

/** Terms added up, [terms]. */
export function sumTerms(rows: Iterable<ArrayLike<number>>): Float64Array {
  let sums = new Float64Array();
  for (const row of rows) {
    if (sums.length === 0) sums = new Float64Array(row.length);
    for (let k = 0; k < row.length; k++) sums[k]! += row[k]!;
  }
  return sums;
}

/** The score of a list of answers. */
export function scoreOf(
  { terms, value }: Score,
  answers: readonly { answer: string; references: readonly string[] }[],
): number {
  return value(sumTerms(answers.map(({ answer, references }) => terms(answer, references))));
}
