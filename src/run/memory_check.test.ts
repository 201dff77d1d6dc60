import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type MemoryFiles, openBase, openTemplate } from "../browser.ts";
import { goldenPath } from "../testing/goldens.ts";
import { checkData } from "./memory_check.ts";
import type { MemoryRecipe } from "./memory_run.ts";

const MODEL = goldenPath("models/llama-gqa");
const files: MemoryFiles = Object.fromEntries(
  readdirSync(MODEL).map((name) => [name, readFileSync(join(MODEL, name))]),
);
const row = (i: number) => ({ instruction: `Say ${i % 3}`, output: `answer ${i}` });

test("rows are counted, measured and shown as they would be trained", async () => {
  const base = await openBase(files);
  const rows = [
    ...Array.from({ length: 12 }, (_, i) => row(i)),
    { other: 1 },
    { instruction: "a", output: "" },
  ];
  const recipe: MemoryRecipe = { data: [{ rows }], evaluation: { fraction: 0.25 } };
  const { report, train, evaluation, leaks, preview } = await checkData(base, recipe, { rows: 2 });
  expect(report).toMatchObject({ read: 14, kept: 12 });
  expect(report.unusable).toMatchObject([{ count: 1 }]);
  expect(report.dropped).toMatchObject([{ count: 1 }]);
  expect(train.sequences + evaluation.sequences).toBe(12);
  expect(leaks.count).toBe(evaluation.sequences); // there are but three questions
  expect(preview).toHaveLength(2);
  const trained = preview[0]!.filter(({ weight }) => weight > 0).map(({ text }) => text);
  expect(trained.join("")).toMatch(/answer \d+/);
});

test("a recipe that wants a disk is refused by its key", async () => {
  const base = await openBase(files);
  const recipe = { data: [{ path: "rows.json" }] } as unknown as Parameters<typeof checkData>[1];
  await expect(checkData(base, recipe)).rejects.toThrow(/data\.0\.path: it needs a disk/);
});

test("the base's template writes a conversation as text", async () => {
  const template = openTemplate(await openBase(files));
  expect(template).toHaveProperty("render");
});
