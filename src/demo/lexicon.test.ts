import { expect, test } from "vitest";
import { CATEGORIES, CITIES, DAYS, NAMES, NOUNS, OPPOSITES, pluralOf, WORDS } from "./lexicon.ts";

test("every word is in one list only", () => {
  const all = [...WORDS, ...CITIES, ...DAYS, ...NAMES].map((word) => word.toLowerCase());
  expect(all.filter((word, i) => all.indexOf(word) !== i)).toEqual([]);
});

test("every category has words enough for a question", () => {
  for (const words of Object.values(CATEGORIES)) expect(words.length).toBeGreaterThanOrEqual(8);
});

test("an opposite's opposite is the word", () => {
  const opposite = new Map(OPPOSITES);
  expect(opposite.size).toBe(OPPOSITES.length);
  for (const [word, other] of OPPOSITES) expect(opposite.get(other)).toBe(word);
});

test("plurals", () => {
  expect(["cow", "wolf", "cherry", "bus", "sheep", "shelf", "bench"].map(pluralOf)).toEqual([
    "cows",
    "wolves",
    "cherries",
    "buses",
    "sheep",
    "shelves",
    "benches",
  ]);
  for (const noun of NOUNS) expect(pluralOf(noun)).not.toMatch(/(s|x|ch|sh|f|fe|[^aeou]y)s$/); // would need a rule
});
