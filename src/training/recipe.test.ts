import { describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { parseRecipe, recipeJsonSchema } from "./recipe.ts";

const least = { model: "base", data: [{ path: "alpaca.json" }], output: "runs/a" };

/** The lines of what is wrong with `recipe`, after the first. */
function problems(recipe: unknown): string[] {
  try {
    parseRecipe(recipe, "recipe.yaml");
  } catch (error) {
    expect(error).toBeInstanceOf(AttuneError);
    const [first, ...lines] = (error as Error).message.split("\n");
    expect(first).toBe(`recipe.yaml has ${lines.length === 1 ? "a problem" : "problems"}:`);
    return lines.map((line) => line.slice(2));
  }
  return [];
}

test("the least recipe gets every default", () => {
  expect(parseRecipe(least)).toEqual({
    stage: "instruct",
    ...least,
    objective: { type: "sft" },
    deduplicate: false,
    template: "chat",
    trainOn: "answers",
    training: {
      epochs: 3,
      batchSize: 16,
      maxLength: 512,
      schedule: "cosine",
      warmupRatio: 0.03,
      weightDecay: 0,
      maxGradNorm: 1,
      saveEvery: 100,
    },
    shuffle: true,
    seed: 42,
  });
  const { training, adapter } = parseRecipe({
    ...least,
    training: { maxSteps: 5 },
    adapter: { type: "lora", r: 4 },
  });
  expect([training.maxSteps, training.epochs]).toEqual([5, undefined]);
  expect(adapter).toEqual({ type: "lora", r: 4, alpha: 16, dropout: 0, targetModules: "all-linear" });
});

test("a recipe read back from its run says the same", () => {
  const adapter = { type: "lora", dropout: 0.05, targetModules: ["q_proj"] } as const;
  for (const recipe of [
    least,
    { ...least, adapter, evaluation: { fraction: 0.1 }, training: { maxSteps: 3 } },
  ]) {
    const resolved = parseRecipe(recipe);
    expect(parseRecipe(JSON.parse(JSON.stringify(resolved)))).toEqual(resolved);
  }
});

describe("unknown keys are refused with the nearest known one", () => {
  test.each<[string, object, string]>([
    ["at the top", { trainning: {} }, "trainning: unknown key; did you mean training?"],
    ["in training", { training: { epoch: 1 } }, "training.epoch: unknown key; did you mean epochs?"],
    [
      "in a fresh adapter",
      { adapter: { type: "lora", rank: 1 } },
      "adapter.rank: unknown key; attune calls it adapter.r",
    ],
    [
      "in a known adapter",
      { adapter: { path: "a", pth: 1 } },
      "adapter.pth: unknown key; did you mean path?",
    ],
    [
      "in data",
      { data: [{ path: "a" }, { path: "b", fromat: "text" }] },
      "data.1.fromat: unknown key; did you mean format?",
    ],
    [
      "in evaluation",
      { evaluation: { fraction: 0.1, patiense: 1 } },
      "evaluation.patiense: unknown key; did you mean patience?",
    ],
    [
      "in its place, but not beside path",
      { adapter: { path: "a", r: 8 } },
      "adapter.r: unknown key beside path: an adapter that goes on keeps its own r",
    ],
  ])("%s", (_, part, problem) => {
    expect(problems({ ...least, ...part })).toEqual([problem]);
  });

  test("whatever they are called", () => {
    const hostile = JSON.parse(
      '{"__proto__":{"model":"x"},"constructor":1,"training":{"__proto__":{"epochs":9}}}',
    );
    const said = problems({ ...least, ...hostile });
    expect(said.map((line) => line.split(":")[0]).sort()).toEqual([
      "__proto__",
      "constructor",
      "training.__proto__",
    ]);
  });
});

describe("values out of their type or range are refused by key, with what was given", () => {
  test.each<[object, string]>([
    [{ stage: "tune" }, 'stage: expected pretrain, finetune or instruct, got "tune"'],
    [{ model: "" }, `model: expected text that isn't empty, got ""`],
    [{ model: undefined }, "model: missing; expected text"],
    [{ model: null }, "model: expected text, got null"],
    [{ output: 3 }, "output: expected text, got 3"],
    [{ data: [] }, "data: expected a list of at least 1, got an empty list"],
    [{ data: "alpaca.json" }, 'data: expected a list, got "alpaca.json"'],
    [
      { data: [{ path: "a", format: "csv" }] },
      'data.0.format: expected alpaca, sharegpt, messages, completion, selfInstruct, text, preference, feedback or tokens, got "csv"',
    ],
    [
      { data: [{ path: "a", columns: { "": "x" } }] },
      'data.0.columns.: expected a key that isn\'t empty, got ""',
    ],
    [
      { data: [{ path: "a", task: { templates: [{ input: "{{x}}", output: "{{y}}" }], choices: 3 } }] },
      "data.0.task.choices: expected a list or text, got 3",
    ],
    [
      { data: [{ path: "a", task: { templates: [{ input: "{{x}}", output: "{{y}}" }], choices: [""] } }] },
      `data.0.task.choices.0: expected text that isn't empty, got ""`,
    ],
    [{ adapter: "lora" }, 'adapter: expected an object, got "lora". Write { type: lora } or { path: … }.'],
    [{ adapter: {} }, "adapter.type: missing; expected lora, ia3 or vera"],
    [{ adapter: { type: "dora" } }, 'adapter.type: expected lora, ia3 or vera, got "dora"'],
    [{ adapter: { type: "lora", r: 0 } }, "adapter.r: expected a number above 0, got 0"],
    [{ adapter: { type: "lora", r: 1.5 } }, "adapter.r: expected a whole number, got 1.5"],
    [{ adapter: { type: "lora", dropout: 1 } }, "adapter.dropout: expected a number below 1, got 1"],
    [
      { adapter: { type: "vera", targetModules: [] } },
      "adapter.targetModules: expected a list of at least 1, got an empty list",
    ],
    [
      { adapter: { type: "lora", targetModules: 3 } },
      "adapter.targetModules: expected a list or text, got 3",
    ],
    [
      { adapter: { type: "lora", layersToTransform: [1.5] } },
      "adapter.layersToTransform.0: expected a whole number, got 1.5",
    ],
    [
      { adapter: { type: "lora", initLoraWeights: "zz" } },
      'adapter.initLoraWeights: expected true, false, gaussian, pissa, pissa_niter_1 to pissa_niter_99, olora or loftq; got "zz"',
    ],
    [{ objective: { type: "ppo" } }, 'objective.type: expected sft, dpo, orpo, simpo or kto, got "ppo"'],
    [{ objective: {} }, "objective.type: missing; expected sft, dpo, orpo, simpo or kto"],
    [{ objective: "dpo" }, 'objective: expected an object, got "dpo"'],
    [{ objective: { type: "dpo", beta: 0 } }, "objective.beta: expected a number above 0, got 0"],
    [{ adapter: { path: "" } }, `adapter.path: expected text that isn't empty, got ""`],
    [{ evaluation: { fraction: 1 } }, "evaluation.fraction: expected a number below 1, got 1"],
    [{ evaluation: { fraction: 0 } }, "evaluation.fraction: expected a number above 0, got 0"],
    [{ evaluation: { fraction: 0.5, patience: 0 } }, "evaluation.patience: expected a number above 0, got 0"],
    [
      { training: { epochs: Number.POSITIVE_INFINITY } },
      "training.epochs: expected a finite number, got Infinity",
    ],
    [{ training: { maxSteps: 2.5 } }, "training.maxSteps: expected a whole number, got 2.5"],
    [{ training: { maxLength: 1 } }, "training.maxLength: expected a number of at least 2, got 1"],
    [
      { training: { maxLength: 2 ** 31 } },
      "training.maxLength: expected a number of at most 1048576, got 2147483648",
    ],
    [{ training: { learningRate: "2e-4" } }, 'training.learningRate: expected a number, got "2e-4"'],
    [{ training: { learningRate: Number.NaN } }, "training.learningRate: expected a finite number, got NaN"],
    [{ training: { schedule: "cos" } }, 'training.schedule: expected linear, cosine or constant, got "cos"'],
    [{ training: { warmupRatio: 1.01 } }, "training.warmupRatio: expected a number of at most 1, got 1.01"],
    [{ training: { weightDecay: -0.1 } }, "training.weightDecay: expected a number of at least 0, got -0.1"],
    [{ training: { epochs: 1, maxSteps: 5 } }, "training.maxSteps: give epochs or maxSteps, not both"],
    [{ training: null }, "training: expected an object, got null"],
    [{ shuffle: "yes" }, 'shuffle: expected true or false, got "yes"'],
    [{ seed: -1 }, "seed: expected a number of at least 0, got -1"],
    [{ seed: 2 ** 60 }, "seed: expected a whole number of at most 9007199254740991, got 1152921504606847000"],
  ])("%j", (part, problem) => {
    expect(problems({ ...least, ...part })).toEqual([problem]);
  });

  test.each<[unknown, string]>([
    [null, "got null"],
    [[], "got an empty list"],
    ["recipe", 'got "recipe"'],
    [3, "got 3"],
  ])("a recipe that is %j", (recipe, got) => {
    expect(problems(recipe)).toEqual([`recipe: expected an object, ${got}`]);
  });
});

test("all problems are said at once", () => {
  const recipe = {
    data: [{ pth: "a" }],
    adapter: { type: "lora", r: "8", rank: 8 },
    evaluation: { fraction: 2 },
    training: { batchSize: 0, epoch: 1, epochs: 1, maxSteps: 1 },
  };
  expect(
    problems(recipe)
      .map((line) => line.split(":")[0])
      .sort(),
  ).toEqual(
    [
      ...["model", "output", "data.0.path", "data.0.pth", "adapter.r", "adapter.rank"],
      ...["evaluation.fraction", "training.batchSize", "training.epoch", "training.maxSteps"],
    ].sort(),
  );
});

test("the JSON Schema asks for what the recipe asks for, and explains it", () => {
  const { required, properties, additionalProperties } = recipeJsonSchema() as {
    required: string[];
    properties: Record<string, { properties?: object; description?: string; default?: unknown }>;
    additionalProperties: boolean;
  };
  expect(required.sort()).toEqual(["data", "model", "output"]);
  expect(additionalProperties).toBe(false);
  expect(Object.keys(properties).sort()).toEqual(
    Object.keys(parseRecipe(least))
      .concat("adapter", "chatTemplateKwargs", "compute", "evaluation", "mixture", "quantization", "tracking")
      .concat("trainableLayers")
      .sort(),
  );
  expect(properties.stage!.default).toBe("instruct");
  const training = properties.training!.properties as Record<string, { description?: string }>;
  for (const [key, { description }] of Object.entries(training)) expect(description, key).toMatch(/\.$/);
});

test("a rank of 0 in a pattern is refused", () => {
  const adapter = { type: "lora", rankPattern: { q_proj: 0 } };
  const recipe = { model: "m", data: [{ path: "d" }], output: "o", adapter };
  expect(() => parseRecipe(recipe)).toThrow(/adapter\.rankPattern\.q_proj: expected .*got 0/);
});
