import { describe, expect, test } from "vitest";
import { parseRecipe, type RecipeInput, type SettledRecipe } from "../recipe.ts";
import { comparedSettings } from "./compare_settings.ts";
import type { AdviceFacts } from "./facts.ts";
import { recommend } from "./recommend.ts";
import { warningsOf } from "./warnings.ts";

const facts = (own: Partial<AdviceFacts> = {}): AdviceFacts => ({
  stage: "instruct",
  objective: "sft",
  trains: "adapter",
  examples: 2_000,
  ...own,
});
const values = (own?: Partial<AdviceFacts>) =>
  Object.fromEntries(recommend(facts(own)).map(({ key, value }) => [key, value]));

describe("recommend", () => {
  test("LoRA's rate is ten times that of all weights", () => {
    const rates = (["adapter", "weights"] as const).map(
      (trains) => values({ trains })["training.learningRate"],
    );
    expect(rates).toEqual([2e-4, 2e-5]);
    const dpo = (["adapter", "weights"] as const).map(
      (trains) => values({ trains, objective: "dpo" })["training.learningRate"],
    );
    expect(dpo).toEqual([1e-5, 1e-6]);
  });

  test("all linear layers; the rank grows with the examples, and large ones are scaled by their root", () => {
    const ranks = [100, 2_000, 20_000].map((examples) => values({ examples })["adapter.r"]);
    expect(ranks).toEqual([8, 16, 32]);
    expect(values()).toMatchObject({ "adapter.targetModules": "all-linear", "adapter.alpha": 32 });
    expect(values()).not.toHaveProperty("adapter.useRslora");
    expect(values({ examples: 100_000 })).toMatchObject({
      "adapter.r": 64,
      "adapter.alpha": 64,
      "adapter.useRslora": true,
    });
    expect(values({ trains: "weights" })).not.toHaveProperty("adapter.r");
  });

  test("few examples take smaller batches, more passes and a longer warm-up", () => {
    expect(values({ examples: 50 })).toMatchObject({
      "training.batchSize": 4,
      "training.epochs": 5,
      "training.warmupRatio": 0.1,
    });
    expect(values({ examples: 60_000 })).toMatchObject({
      "training.batchSize": 32,
      "training.epochs": 1,
      "training.warmupRatio": 0.03,
    });
    expect(values({ examples: 50, objective: "kto" })["training.batchSize"]).toBe(8);
    expect(values({ stage: "pretrain" })["training.epochs"]).toBe(1);
  });

  test("maxLength holds the longest example, unless that is far from the others", () => {
    const length = (p95: number, longest: number) =>
      values({ lengths: { p95, longest } })["training.maxLength"];
    expect([length(200, 250), length(200, 500), length(200, 3_000)]).toEqual([256, 512, 256]);
    expect(values()).not.toHaveProperty("training.maxLength");
  });

  test("each has a reason and a source", () => {
    for (const { reason, source } of recommend(facts({ examples: 100_000, lengths: { p95: 9, longest: 9 } })))
      expect(Math.min(reason.length, source.length)).toBeGreaterThan(5);
  });
});

const recipeOf = ({ training, ...own }: Partial<RecipeInput> = {}): SettledRecipe =>
  parseRecipe({
    model: "m",
    adapter: { type: "lora", r: 16, alpha: 32, targetModules: "all-linear" },
    data: [{ path: "d" }],
    evaluation: { fraction: 0.1 },
    training: { learningRate: 2e-4, ...training },
    output: "o",
    ...own,
  }) as SettledRecipe;
const lora = (own: object) =>
  ({ type: "lora", r: 16, alpha: 32, targetModules: "all-linear", ...own }) as const;
const keys = (recipe: SettledRecipe, own?: Partial<AdviceFacts>) =>
  warningsOf(recipe, facts(own)).map(({ key }) => key);

describe("warningsOf", () => {
  test("says nothing of settings that are known to work", () => {
    expect(keys(recipeOf())).toEqual([]);
  });

  test.each<[string, Partial<RecipeInput>, Partial<AdviceFacts>, string]>([
    [
      "a high rate for all weights",
      { adapter: undefined, training: { learningRate: 2e-4 } },
      { trains: "weights" },
      "training.learningRate",
    ],
    ["a high rate for an adapter", { training: { learningRate: 5e-3 } }, {}, "training.learningRate"],
    [
      "a high rate for preferences",
      { objective: { type: "dpo" }, training: { learningRate: 2e-4 } },
      { objective: "dpo" },
      "training.learningRate",
    ],
    ["all weights' rate for an adapter", { training: { learningRate: 2e-6 } }, {}, "training.learningRate"],
    [
      "steps of one example at a high rate",
      { training: { learningRate: 2e-4, batchSize: 1 } },
      {},
      "training.batchSize",
    ],
    [
      "one example and a high rank",
      {
        adapter: lora({ r: 128, alpha: 128, useRslora: true }),
        training: { learningRate: 5e-5, batchSize: 1 },
      },
      {},
      "training.batchSize",
    ],
    [
      "50 epochs on 20 rows",
      { training: { learningRate: 2e-4, epochs: 50, batchSize: 4 } },
      { examples: 20 },
      "training.epochs",
    ],
    ["as many steps", { training: { learningRate: 2e-4, maxSteps: 5_000 } }, {}, "training.maxSteps"],
    [
      "many passes of raw text",
      { stage: "pretrain", training: { learningRate: 2e-4, epochs: 9 } },
      { stage: "pretrain" },
      "training.epochs",
    ],
    ["rows that are cut", {}, { truncated: 300 }, "training.maxLength"],
    [
      "a large rank for few rows",
      { adapter: lora({ r: 64, alpha: 64, useRslora: true }) },
      { examples: 300 },
      "adapter.r",
    ],
    ["a large rank at LoRA's scale", { adapter: lora({ r: 64 }) }, { examples: 60_000 }, "adapter.useRslora"],
    [
      "attention alone",
      { adapter: lora({ targetModules: ["q_proj", "v_proj"] }) },
      {},
      "adapter.targetModules",
    ],
    ["nothing held out", { evaluation: undefined }, {}, "evaluation"],
    ["hardly a step", { training: { learningRate: 2e-4, maxSteps: 4 } }, {}, "training.batchSize"],
    [
      "a handful of rows",
      { training: { learningRate: 2e-4, batchSize: 4, epochs: 10 } },
      { examples: 9 },
      "data",
    ],
    [
      "all weights without warm-up",
      { adapter: undefined, training: { learningRate: 2e-5, warmupRatio: 0 } },
      { trains: "weights" },
      "training.warmupRatio",
    ],
  ])("%s", (_, recipe, own, key) => {
    expect(keys(recipeOf(recipe), own)).toEqual([key]);
  });

  test("rates of other adapters are their own", () => {
    expect(keys(recipeOf({ adapter: { type: "vera" }, training: { learningRate: 1e-2 } }))).toEqual([]);
  });
});

describe("comparedSettings", () => {
  const agreeing = (recipe: SettledRecipe) =>
    Object.fromEntries(comparedSettings(recipe, facts()).map(({ key, agrees }) => [key, agrees]));

  test("what is near enough agrees; alpha by what it is divided by", () => {
    expect(Object.values(agreeing(recipeOf()))).not.toContain(false);
    expect(agreeing(recipeOf({ adapter: lora({ r: 32, alpha: 64 }) }))).toMatchObject({
      "adapter.r": true,
      "adapter.alpha": true,
    });
    expect(agreeing(recipeOf({ adapter: lora({ r: 128, alpha: 8 }) }))).toMatchObject({
      "adapter.r": false,
      "adapter.alpha": false,
    });
    expect(agreeing(recipeOf({ training: { maxSteps: 3, learningRate: 2e-3 } }))).toMatchObject({
      "training.epochs": true,
      "training.learningRate": false,
    });
  });

  test("other adapters than LoRA are compared by what is alike", () => {
    const compared = comparedSettings(recipeOf({ adapter: { type: "ia3" } }), facts());
    expect(compared.map(({ key }) => key)).toEqual([
      "training.batchSize",
      "training.epochs",
      "training.warmupRatio",
    ]);
  });
});
