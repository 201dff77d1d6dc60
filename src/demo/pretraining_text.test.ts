import { expect, test } from "vitest";
import { instructionSet } from "./instructions.ts";
import { COLOURS, WORDS } from "./lexicon.ts";
import { chineseNumber, englishNumber } from "./number_words.ts";
import { pretrainingText } from "./pretraining_text.ts";
import { splitOf } from "./task.ts";
import { TASKS } from "./tasks/index.ts";

const documents = [...pretrainingText({ seed: 3, documents: 16_000 })];
const text = documents.join("\n\n");

test("document i depends on the seed and i only", () => {
  expect([...pretrainingText({ seed: 3, documents: 50 })]).toEqual(documents.slice(0, 50));
  expect([...pretrainingText({ seed: 4, documents: 50 })]).not.toEqual(documents.slice(0, 50));
});

test("it practises every skill", () => {
  for (const { name, titles } of TASKS) {
    const plain = titles.filter((title) => !title.includes("{"));
    const words = plain.length > 0 ? plain : titles.map((title) => title.replace(/\{\w+\}.*/, "").trim());
    expect(
      words.some((title) => text.includes(title)),
      name,
    ).toBe(true);
  }
});

test("it knows nothing of chats and instructions", () => {
  expect(text).not.toMatch(/<\||\bassistant\b|\buser\b/);
  for (const { phrasings, unseenPhrasings } of TASKS)
    for (const phrasing of [...phrasings, ...unseenPhrasings]) {
      const wording = phrasing.replace(/\n.*/, "").split(/\{\w+\}/);
      const longest = wording.reduce((a, b) => (b.length > a.length ? b : a)).trim();
      if (longest.length > 8) expect(text.includes(longest), phrasing).toBe(false);
    }
});

test("it has no held-out question", () => {
  const lines = new Set(text.split("\n"));
  const heldOut = instructionSet({ seed: 3, perTask: 200, split: "heldOut" });
  for (const { input } of heldOut) if (input !== undefined) expect(lines.has(input), input).toBe(false);
});

test("it has no held-out line of words, sum, difference or number", () => {
  const known = new Set(WORDS);
  const beads = new Set(COLOURS);
  const lines = text.split("\n").map((line) => line.split(" "));
  for (const words of lines)
    if (
      words.length >= 2 &&
      words.every((word) => known.has(word)) &&
      !words.every((word) => beads.has(word))
    )
      expect(splitOf(words), words.join(" ")).toBe("train");

  for (const [found, a, operator, b] of text.matchAll(/(\d+) ([+-]) (\d+)/g))
    if (operator) expect(splitOf([Number(a), Number(b)]), found).toBe("train");

  const chinese = new Set(text.match(/[零一二三四五六七八九十百]+/g));
  const english = new Set(text.match(/[a-z]+ hundred and [a-z-]+/g));
  expect(chinese.size).toBeGreaterThan(500);
  for (let n = 101; n <= 999; n++) {
    if (splitOf(n) === "train") continue;
    expect(chinese.has(chineseNumber(n)), chineseNumber(n)).toBe(false);
    expect(english.has(englishNumber(n)), englishNumber(n)).toBe(false);
  }
});
