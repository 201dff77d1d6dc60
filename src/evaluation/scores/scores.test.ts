import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { bleu } from "./bleu.ts";
import { chrf } from "./chrf.ts";
import { contains } from "./contains.ts";
import { exactMatch } from "./exact_match.ts";
import { f1 } from "./f1.ts";
import { jsonValid } from "./json_valid.ts";
import { labelAccuracy } from "./label_accuracy.ts";
import { rougeL } from "./rouge_l.ts";
import { type Score, scoreOf } from "./score.ts";

interface Row extends Record<string, unknown> {
  answer: string;
  references: string[];
}
interface Corpus extends Record<string, unknown> {
  name: string;
  rows: Row[];
}

const golden = new URL("../../../goldens/evaluation/scores.json", import.meta.url);
const { corpora } = JSON.parse(readFileSync(golden, "utf8")) as { corpora: Corpus[] };
const one = (score: Score, answer: string, ...references: string[]) =>
  scoreOf(score, [{ answer, references }]);

describe.each(corpora)("$name", ({ rows, ...whole }) => {
  const scores: [string, Score][] = [
    ["bleu 13a", bleu("13a")],
    ["bleu zh", bleu("zh")],
    ["chrf", chrf],
  ];
  test.each(scores)("%s of the corpus, and of each row, as sacrebleu's", (name, score) => {
    expect(Math.abs(scoreOf(score, rows) - Number(whole[name]))).toBeLessThan(1e-9);
    for (const row of rows)
      expect(Math.abs(scoreOf(score, [row]) - Number(row[name])), row.answer).toBeLessThan(1e-9);
  });
});

test("f1 and rougeL as the published algorithms have them", () => {
  const { rows } = corpora.find(({ name }) => name === "english")!;
  for (const row of rows) {
    expect(one(f1, row.answer, ...row.references), row.answer).toBeCloseTo(Number(row.f1), 12);
    expect(one(rougeL, row.answer, ...row.references), row.answer).toBeCloseTo(Number(row.rougeL), 12);
  }
});

test("f1 and rougeL take each Chinese character for a word", () => {
  expect(one(f1, "我喜欢吃苹果。", "我喜欢吃香蕉")).toBeCloseTo(8 / 12, 12);
  expect(one(rougeL, "我喜欢吃苹果。", "我喜欢吃香蕉")).toBeCloseTo(8 / 12, 12);
});

test("exact match leaves white space around aside, nothing else", () => {
  expect(one(exactMatch, " four\n", "4", "four")).toBe(1);
  expect(one(exactMatch, "Four", "four")).toBe(0);
});

test("contains", () => {
  expect(one(contains, "It is four.", "five", " four ")).toBe(1);
  expect(one(contains, "It is three.", "four")).toBe(0);
});

test("JSON, alone or in a fence", () => {
  expect(one(jsonValid, '```json\n{"a": [1]}\n```')).toBe(1);
  expect(one(jsonValid, ' {"a": 1} ')).toBe(1);
  expect(one(jsonValid, '{"a": 1')).toBe(0);
});

test("label accuracy takes the longest label an answer begins with", () => {
  const score = labelAccuracy(["positive", "very positive", "no"]);
  expect(one(score, "Positive.\nIt is.", "positive")).toBe(1);
  expect(one(score, "very positive", "positive")).toBe(0);
  expect(one(score, "none", "no")).toBe(0);
});
