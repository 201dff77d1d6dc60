import { type BleuTokenizer, bleuWords } from "./bleu_words.ts";
import { nGrams, total } from "./n_grams.ts";
import type { Score } from "./score.ts";

const ORDER = 4;

/**
 * Corpus BLEU (Papineni et al. 2002) as sacrebleu computes it by default: mixed case, "exp" smoothing. A fraction.
 * Terms: the answer's length, the closest reference's, then of each order the matching and all n-grams.
 */
export const bleu = (tokenizer: BleuTokenizer): Score => ({
  name: "bleu",
  terms(answer, references) {
    const words = bleuWords(answer, tokenizer);
    const wanted = references.map((reference) => bleuWords(reference, tokenizer));
    const orders = Array.from({ length: ORDER }, (_, i) => matches(words, wanted, i + 1));
    const lengths = [words.length, closest(wanted, words.length)];
    return [...lengths, ...orders.map(([match]) => match), ...orders.map(([, all]) => all)];
  },
  value: bleuValue,
});

/** Matching n-grams of an answer, none more often than in the reference that has it most, and all. */
function matches(words: readonly string[], wanted: readonly string[][], n: number): [number, number] {
  const own = nGrams(words, n, "\t");
  const counts = wanted.map((reference) => nGrams(reference, n, "\t"));
  let match = 0;
  for (const [gram, count] of own)
    match += Math.min(count, Math.max(...counts.map((each) => each.get(gram) ?? 0)));
  return [match, total(own)];
}

function closest(wanted: readonly string[][], length: number): number {
  const lengths = wanted.map((words) => words.length);
  return lengths.reduce((best, next) => {
    const gain = Math.abs(best - length) - Math.abs(next - length);
    return gain > 0 || (gain === 0 && next < best) ? next : best;
  });
}

function bleuValue(sums: ArrayLike<number>): number {
  const [length, wanted] = [sums[0]!, sums[1]!];
  const match = Array.from({ length: ORDER }, (_, i) => sums[2 + i]!);
  if (length === 0 || match.every((count) => count === 0)) return 0;
  let [logs, smooth] = [0, 1];
  for (const [i, count] of match.entries()) {
    const all = sums[2 + ORDER + i]!;
    if (all === 0) return 0; // no answer has so many words
    if (count === 0) smooth *= 2;
    logs += Math.log(count === 0 ? 1 / (smooth * all) : count / all);
  }
  const brevity = length < wanted ? Math.exp(1 - wanted / length) : 1;
  return brevity * Math.exp(logs / ORDER);
}
