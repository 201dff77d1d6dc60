import { expect, test } from "vitest";
import { CLAIMS, findingsOf, meets, neededParts } from "./claims.ts";
import { labMarkdown, labTable } from "./report.ts";
import type { PartResult } from "./run_lab.ts";
import { MANY_TASKS, NEVER_TRAINED, SINGLE_TASK } from "./settings.ts";

const figure = (value: number, low = value, high = value) => ({ value, low, high, seeds: [value] });

/** 20 questions of each kind, all of them right of these kinds. */
const answers = (right: readonly string[]): [string, number][] =>
  [...MANY_TASKS, ...NEVER_TRAINED].flatMap((task) =>
    Array.from({ length: 20 }, (): [string, number] => [task, Number(right.includes(task))]),
  );

const part = (name: PartResult["part"], right: readonly string[], loss: number): PartResult => ({
  part: name,
  seed: 1,
  seconds: 1,
  trainedParameters: name === "many-full" ? 1000 : 45,
  answers: { seen: answers(right), unseen: answers([]), kept: [["old text", 1]] },
  texts: { old: [[loss, 1, 2]], extended: [[loss, 1, 4]], chinese: [[loss, 1, 2]] },
});

const RESULTS = [
  part("base", [], 1),
  part("single-task", [SINGLE_TASK], 2),
  part("many-lora", [...MANY_TASKS, NEVER_TRAINED[0]!], 2),
  part("many-full", MANY_TASKS, 3),
  part("vocabulary", [], 0),
  part("chinese-old", [], 4),
  part("chinese-extended", [], 3),
];
const verdicts = (claim: (typeof CLAIMS)[number]) =>
  findingsOf([claim], RESULTS).flatMap(({ holds }) => holds ?? []);

test("a figure meets its bound, an interval when all of it does", () => {
  expect(meets(figure(0.85), { atLeast: 0.85 })).toBe(true);
  expect(meets(figure(0.8499), { atLeast: 0.85 })).toBe(false);
  expect(meets(figure(0.11), { atMost: 0.1 })).toBe(false);
  expect(meets(figure(0.2, -0.01, 0.4), { intervalAbove: 0 })).toBe(false);
  expect(meets(figure(0.2, 0.01, 0.4), { intervalAbove: 0 })).toBe(true);
  expect(meets(figure(0.9, 0.8, 1.01), { intervalBelow: 1 })).toBe(false);
});

test("each claim is judged by its parts", () => {
  expect(verdicts("pretrained")).toEqual([true]);
  expect(verdicts("single-task")).toEqual([true, true]);
  expect(verdicts("many-tasks")).toEqual([true, false]); // no unseen phrasing is answered
  expect(verdicts("never-trained")).toEqual([false]); // one kind only is above the single task's
  expect(verdicts("lora-full")).toEqual([true, true, true]);
  expect(verdicts("vocabulary")).toEqual([false, true, true]); // no token is saved
});

test("a claim needs its parts alone", () => {
  expect(neededParts(["single-task"])).toEqual(["single-task"]);
  expect(neededParts(["never-trained", "pretrained"])).toEqual(["base", "single-task", "many-lora"]);
  expect(neededParts(CLAIMS)).toHaveLength(7);
});

test("the tables have a line a figure, and say what is missed", () => {
  const findings = findingsOf(["many-tasks", "lora-full"], RESULTS);
  expect(labTable(findings).split("\n")).toHaveLength(findings.length + 2);
  expect(labTable(findings)).toMatch(/^many-tasks +the same .* ≥ 75\.0% +0\.0% +MISSED$/m);
  expect(labMarkdown(findings)).toMatch(
    /^\| lora-full \| LoRA's trained .*≤ 5\.0% \| 4\.5% \| {2}\| yes \|/m,
  );
});
