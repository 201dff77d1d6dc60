import { meanScore } from "./score.ts";
import { isUnspaced, rougeWords, wordsOf } from "./words.ts";

/**
 * ROUGE-L's F-measure (Lin 2004) of words in common in their order, as Google's rouge_score computes it without stemming:
 * the longest common subsequence over the words of each side.
 */
export const rougeL = meanScore("rougeL", (answer, references) =>
  Math.max(...references.map((reference) => rougeLOf(answer, reference))),
);

function rougeLOf(answer: string, reference: string): number {
  const words = isUnspaced(reference) || isUnspaced(answer) ? wordsOf : rougeWords;
  const [found, wanted] = [words(answer), words(reference)];
  if (found.length === 0 || wanted.length === 0) return 0;
  const common = commonLength(wanted, found);
  const [precision, recall] = [common / found.length, common / wanted.length];
  return precision + recall > 0 ? (2 * precision * recall) / (precision + recall) : 0;
}

/** Length of the longest common subsequence; one row of the table at a time. */
function commonLength(a: readonly string[], b: readonly string[]): number {
  const row = new Uint32Array(b.length + 1);
  for (const word of a) {
    let diagonal = 0;
    for (let j = 1; j <= b.length; j++) {
      const above = row[j]!;
      row[j] = word === b[j - 1] ? diagonal + 1 : Math.max(above, row[j - 1]!);
      diagonal = above;
    }
  }
  return row[b.length]!;
}
