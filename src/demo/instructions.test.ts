import { expect, test } from "vitest";
import { instructionSet } from "./instructions.ts";
import { randomAt } from "./random.ts";
import { drawMaterial, splitOf } from "./task.ts";
import { TASKS } from "./tasks/index.ts";

const question = ({ instruction, input = "" }: { instruction: string; input?: string }) =>
  `${instruction}\n${input}`;

test("every task gets its rows, and the same options give the same rows", () => {
  const rows = instructionSet({ seed: 1, perTask: 7, split: "train" });
  for (const { name } of TASKS) expect(rows.filter(({ task }) => task === name)).toHaveLength(7);
  expect(instructionSet({ seed: 1, perTask: 7, split: "train" })).toEqual(rows);
  expect(instructionSet({ seed: 2, perTask: 7, split: "train" })).not.toEqual(rows);
  expect(instructionSet({ seed: 1, perTask: 9, split: "train" }).slice(0, rows.length)).toEqual(rows);
});

test("no held-out question is ever trained on", () => {
  const train = new Set(instructionSet({ seed: 1, perTask: 500, split: "train" }).map(question));
  const heldOut = instructionSet({ seed: 1, perTask: 50, split: "heldOut" });
  expect(heldOut.filter((row) => train.has(question(row)))).toEqual([]);
});

test("materials fall into one split, whatever the order of their parts", () => {
  expect(splitOf(["red", "cow", "sad"])).toBe(splitOf(["sad", "red", "cow"]));
  for (const { name, material } of TASKS) {
    const drawn = Array.from({ length: 400 }, (_, i) => material(randomAt(name, i)));
    const share = drawn.filter((each) => splitOf(each) === "heldOut").length / drawn.length;
    expect(share, name).toBeGreaterThan(0.05);
    expect(share, name).toBeLessThan(0.2);
    for (let i = 0; i < 20; i++)
      expect(splitOf(drawMaterial("heldOut", material, randomAt(name, i)))).toBe("heldOut");
  }
});

test("unseen phrasings ask the same held-out problems in other words", () => {
  const options = { seed: 1, perTask: 5, split: "heldOut" } as const;
  const seen = instructionSet(options);
  const unseen = instructionSet({ ...options, unseenPhrasings: true });
  expect(unseen.map(({ output }) => output)).toEqual(seen.map(({ output }) => output));
  for (const [i, row] of unseen.entries()) expect(question(row)).not.toBe(question(seen[i]!));
});
