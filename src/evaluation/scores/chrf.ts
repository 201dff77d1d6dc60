import { splitPython } from "./bleu_words.ts";
import { nGrams, total } from "./n_grams.ts";
import type { Score } from "./score.ts";

const ORDER = 6;
const BETA = 2;

/**
 * Corpus chrF2 (Popović 2015) as sacrebleu computes it by default: character n-grams up to 6, white space left out. A fraction.
 * Terms: of each order the answer's n-grams, the reference's, and those in common; the reference with the best score counts.
 */
export const chrf: Score = {
  name: "chrf",
  terms(answer, references) {
    const own = gramsOf(answer);
    const all = references.map((reference) => compare(own, gramsOf(reference)));
    const values = all.map(chrfValue);
    return all[values.indexOf(Math.max(...values))]!;
  },
  value: chrfValue,
};

type Grams = readonly ReadonlyMap<string, number>[];

function gramsOf(text: string): Grams {
  const characters = Array.from(splitPython(text).join(""));
  return Array.from({ length: ORDER }, (_, i) => nGrams(characters, i + 1, ""));
}

function compare(own: Grams, wanted: Grams): number[] {
  return own.flatMap((grams, i) => {
    const other = wanted[i]!;
    let match = 0;
    for (const [gram, count] of grams) match += Math.min(count, other.get(gram) ?? 0);
    return [other.size > 0 ? total(grams) : 0, total(other), match];
  });
}

/** F over the means of precision and recall, of the orders that both sides have. */
function chrfValue(sums: ArrayLike<number>): number {
  let [precision, recall, orders] = [0, 0, 0];
  for (let i = 0; i < ORDER; i++) {
    const [own, wanted, match] = [sums[3 * i]!, sums[3 * i + 1]!, sums[3 * i + 2]!];
    if (own === 0 || wanted === 0) continue;
    precision += match / own;
    recall += match / wanted;
    orders++;
  }
  if (precision + recall === 0) return 0;
  const factor = BETA ** 2;
  const [p, r] = [precision / orders, recall / orders];
  return ((1 + factor) * p * r) / (factor * p + r);
}
