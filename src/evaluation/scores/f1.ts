import { countItems } from "./n_grams.ts";
import { meanScore } from "./score.ts";
import { isUnspaced } from "./words.ts";

/**
 * Words in common, as SQuAD counts them (Rajpurkar et al. 2016): lower case, without punctuation and articles. A character of
 * a script without spaces is a word.
 */
export const f1 = meanScore("f1", (answer, references) =>
  Math.max(...references.map((reference) => f1Of(answer, reference))),
);

function f1Of(answer: string, reference: string): number {
  const [found, wanted] = [squadWords(answer), squadWords(reference)];
  if (found.length === 0 || wanted.length === 0) return Number(found.length === wanted.length);
  const [a, b] = [countItems(found), countItems(wanted)];
  let common = 0;
  for (const [word, count] of a) common += Math.min(count, b.get(word) ?? 0);
  return (2 * common) / (found.length + wanted.length);
}

const PUNCTUATION = /[!"#$%&'()*+,\-./:;<=>?@[\\\]^_`{|}~]/g; // Python's string.punctuation
const ARTICLES = /\b(?:a|an|the)\b/g;

function squadWords(text: string): string[] {
  const plain = text.toLowerCase().replace(PUNCTUATION, "").replace(ARTICLES, " ");
  const words = plain.split(/\s+/).filter((word) => word !== "");
  return words.flatMap((word) => (isUnspaced(word) ? splitUnspaced(word) : [word]));
}

const splitUnspaced = (word: string): string[] => word.replace(/\p{P}/gu, "").match(/[a-z0-9]+|./gu) ?? [];
