import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { emptyReport } from "../data/tokenize/preparation_report.ts";
import type { StartEvent } from "../training/events.ts";
import { parseRecipe } from "../training/recipe.ts";
import type { Screen } from "./screen.ts";
import { trainProgress } from "./train_progress.ts";

const recipe = parseRecipe({
  model: "base",
  adapter: { type: "lora" },
  data: [{ path: "rows.jsonl" }],
  evaluation: { fraction: 0.1 },
  output: "runs/a",
});

const start: StartEvent = {
  type: "start",
  step: 0,
  totalSteps: 6,
  stepsPerEpoch: 2,
  examples: 18,
  evaluationExamples: 2,
  trainedParameters: 10,
  parameters: 1000,
  data: emptyReport(),
  duplicates: 0,
  learningRate: { value: 2e-4, origin: "LoRA's default" },
  warnings: ["checkpoints/step-6 is damaged", "No cache"],
};

/** What is printed, and what the live line says. */
function record() {
  const printed: string[] = [];
  let status = "";
  const screen: Screen = {
    live: true,
    print: (text) => void printed.push(...stripVTControlCharacters(text).split("\n")),
    show: (next) => {
      status = next(80);
    },
    clear() {},
  };
  return { tell: trainProgress(recipe, screen), printed, status: () => status };
}

test("the header says the learning rate, where it is from, and what was odd", () => {
  const { tell, printed } = record();
  tell(start);
  expect(printed).toContain("rate      learning rate 2e-4, LoRA's default");
  expect(printed.filter((line) => line.startsWith("warning"))).toEqual([
    "warning   checkpoints/step-6 is damaged",
    "warning   No cache",
  ]);
  tell({ ...start, learningRate: { value: 0.00015, origin: "the recipe's" } });
  expect(printed).toContain("rate      learning rate 1.5e-4, the recipe's");
});

test("an evaluation before the first step is told as that", () => {
  const { tell, printed, status } = record();
  tell(start);
  expect(status()).toMatch(/^evaluating before the first step … \d+s$/);
  tell({ type: "evaluation", step: 0, epoch: 0, evalLoss: 2.5, best: false, metrics: {} });
  expect(printed.at(-1)).toBe("step 0  epoch 0.00  evaluation loss 2.5000  before training");
  expect(status()).toMatch(/^step 1\/6 … \d+s$/);
  tell({ type: "evaluation", step: 2, epoch: 1, evalLoss: 2, best: true, metrics: {} });
  expect(printed.at(-1)).toBe("step 2  epoch 1.00  evaluation loss 2.0000  best so far");
});
