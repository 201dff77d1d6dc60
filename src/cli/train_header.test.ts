import { expect, test } from "vitest";
import { emptyReport } from "../data/tokenize/preparation_report.ts";
import type { StartEvent } from "../training/events.ts";
import { parseRecipe, type Recipe } from "../training/recipe.ts";
import { trainHeader } from "./train_header.ts";

test("the header counts what of the data is left out, and what of an answer is lost", () => {
  const origins = [{ file: "a.jsonl", row: 3 }];
  const data = {
    ...emptyReport(),
    read: 4,
    kept: 3,
    dropped: [{ reason: "the completion is empty", count: 1, origins }],
    lost: [{ reason: "the first token of an answer isn't trained", count: 2, origins }],
  };
  const start = { data, totalSteps: 1, stepsPerEpoch: 1, step: 0, examples: 3, evaluationExamples: 0 };
  const sizes = { trainedParameters: 1, parameters: 2, duplicates: 0, warnings: [] };
  const learningRate = { value: 2e-4, origin: "LoRA's default" };
  const recipe = parseRecipe({
    model: "m",
    adapter: { type: "lora" },
    data: [{ path: "a.jsonl" }],
    output: "o",
  });
  const headerOf = (of: Recipe) =>
    trainHeader(of, { ...start, ...sizes, learningRate, type: "start" } as StartEvent);
  expect(headerOf({ ...recipe, compute: "int8" })).toMatch(/compute +frozen layers in 8-bit integers: .*2%/);
  expect(headerOf({ ...recipe, compute: "float16" })).toMatch(/compute +linear layers in float16: .*1%/);
  expect(headerOf({ ...recipe, compute: "float32" })).not.toContain("compute");
  const text = headerOf(recipe);
  expect(text).toContain("dropped   1 row: the completion is empty (a.jsonl row 3)");
  expect(text).toContain(
    "lost      2 rows: the first token of an answer isn't trained (a.jsonl row 3 and 1 more)",
  );
});
