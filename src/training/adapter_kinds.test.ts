/** Whole runs of every kind of adapter and start: they go on bit for bit, and what they save is read again. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fitAdapter } from "../adapters/fit_adapter.ts";
import { kindOf } from "../adapters/kinds/kinds.ts";
import type { VeraAdapter } from "../adapters/kinds/vera.ts";
import { readAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { adapterSites } from "../adapters/targets/sites.ts";
import { mergeAdapter } from "../export/merge.ts";
import { readTensor } from "../files/safetensors.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { readModel } from "../models/families.ts";
import { openModelDirectory } from "../pretrained/model_directory.ts";
import { messageOf, readMetrics, remains, runToEnd, smallRecipe } from "../run/testing/runs.ts";
import { goldenPath, maxDifference } from "../testing/goldens.ts";
import type { RecipeInput } from "./recipe.ts";

const at = temporaryDirectory();
const training = { maxSteps: 4, learningRate: 5e-3, schedule: "constant", warmupRatio: 0 } as const;

const KINDS: Record<string, Partial<RecipeInput>> = {
  "DoRA, rank-stabilized": {
    adapter: { type: "lora", r: 4, dropout: 0.1, useDora: true, useRslora: true },
  },
  "PiSSA and LoRA+": { adapter: { type: "lora", r: 4, initLoraWeights: "pissa", loraplusLrRatio: 4 } },
  "OLoRA of all layers": { adapter: { type: "lora", r: 4, initLoraWeights: "olora" } },
  "LoftQ over nf4": {
    adapter: { type: "lora", r: 4, initLoraWeights: "loftq" },
    quantization: { type: "nf4", doubleQuant: true },
  },
  "DoRA over int8": { adapter: { type: "lora", r: 4, useDora: true }, quantization: { type: "int8" } },
  "whole modules, rows and biases": {
    model: goldenPath("models/qwen2-tied"),
    adapter: {
      type: "lora",
      r: 4,
      targetModules: ["q_proj"],
      bias: "lora_only",
      modulesToSave: ["norm"],
      trainableTokenIndices: [3, 319],
    },
  },
  "tied ends trained whole": {
    model: goldenPath("models/qwen2-tied"),
    adapter: {
      type: "lora",
      r: 4,
      targetModules: ["q_proj"],
      modulesToSave: ["lm_head"],
      ensureWeightTying: true,
    },
  },
  "tied ends with a term": {
    model: goldenPath("models/qwen2-tied"),
    adapter: {
      type: "lora",
      r: 4,
      dropout: 0.1,
      targetModules: ["q_proj", "embed_tokens"],
      ensureWeightTying: true,
    },
  },
  "PiSSA with an embedding": {
    adapter: {
      type: "lora",
      r: 4,
      initLoraWeights: "pissa",
      targetModules: ["embed_tokens", "q_proj", "lm_head"],
    },
  },
  "(IA)³": { adapter: { type: "ia3", modulesToSave: ["lm_head"] } },
  "(IA)³ of all layers": { adapter: { type: "ia3", targetModules: "all-linear" } },
  "(IA)³ over fp4": { adapter: { type: "ia3" }, quantization: { type: "fp4" } },
  VeRA: { adapter: { type: "vera", r: 20, dropout: 0.1 } },
  "VeRA without its matrices": {
    adapter: { type: "vera", r: 20, targetModules: ["q_proj"], saveProjection: false, projectionPrngKey: 3 },
  },
};

const recipeOf = (name: string, output: string): RecipeInput =>
  smallRecipe(output, {
    evaluation: { fraction: 0.1, every: 2 },
    training: { ...training, saveEvery: 3, batchSize: 8 },
    ...KINDS[name],
  });

describe.each(Object.keys(KINDS))("%s", (name) => {
  test("goes on bit for bit, learns, and is read again", async () => {
    await runToEnd(recipeOf(name, at("unbroken")));
    const signal = new AbortController();
    await runToEnd(recipeOf(name, at("run")), {
      signal: signal.signal,
      see: ({ type, step }) => type === "step" && step === 2 && signal.abort(),
    });
    expect(readMetrics(at("run")).filter(({ loss }) => loss !== undefined)).toHaveLength(2);
    await runToEnd(recipeOf(name, at("run")));
    expect(remains(at("run"))).toEqual(remains(at("unbroken")));

    const { model = "" } = recipeOf(name, at("run"));
    const read = await readAdapterDirectory(at("run/adapter"));
    const directory = await openModelDirectory(model);
    const adapter = fitAdapter(read, adapterSites(readModel(directory.config)));
    if (name.startsWith("VeRA")) expect((adapter as VeraAdapter).projections!.r).toBe(20);
    for (const [key, count] of [
      ["loss", training.maxSteps],
      ["evalLoss", 3],
    ] as const) {
      const values = readMetrics(at("run")).flatMap((line) => line[key] ?? []);
      expect(values.filter(Number.isFinite), key).toHaveLength(count);
      expect(new Set(values).size, key).toBe(count);
    }
    for (const [module, weights] of adapter.modules)
      for (const { name, data } of kindOf(adapter).tensors.of(module, weights))
        expect(new Set(data).size, `${name} is as it began`).toBeGreaterThan(1);
    if (!("quantization" in KINDS[name]!)) {
      const report = await mergeAdapter({ model, adapter: at("run/adapter"), output: at("merged") });
      expect(report.modules).toBe(adapter.modules.size);
    }
  });
});

test("the last layers of a model are trained, all else stays as it is", async () => {
  const recipe = smallRecipe(at("run"), { adapter: undefined, trainableLayers: 1, training });
  const events = await runToEnd(recipe);
  expect(events.at(-1)).toMatchObject({ type: "end", path: join(at("run"), "model") });
  const [base, tuned] = [await openModelDirectory(recipe.model), await openModelDirectory(at("run/model"))];
  expect([...tuned.tensors.keys()].sort()).toEqual([...base.tensors.keys()].sort());
  for (const [name, entry] of base.tensors) {
    const change = maxDifference(await readTensor(tuned.tensors.get(name)!), await readTensor(entry));
    expect(change > 0, name).toBe(name.startsWith("model.layers.2."));
  }
});

describe("refused before any work", () => {
  test.each<[string, Partial<RecipeInput>, RegExp]>([
    [
      "LoftQ without quantization",
      { adapter: { type: "lora", initLoraWeights: "loftq" } },
      /initLoraWeights: loftq starts from what quantization loses/,
    ],
    [
      "feedforward modules that match nothing",
      { adapter: { type: "ia3", targetModules: "all-linear", feedforwardModules: ["fc2"] } },
      /feedforwardModules: no targeted module matches fc2/,
    ],
    [
      "feedforward modules that are no targets",
      { adapter: { type: "ia3", targetModules: ["k_proj"], feedforwardModules: ["down_proj"] } },
      /feedforwardModules: each must be among targetModules; down_proj is not/,
    ],
    [
      "VeRA on the output layer",
      { adapter: { type: "vera", targetModules: ["lm_head"] } },
      /no linear layer matches lm_head/,
    ],
    [
      "a pattern that takes forever",
      { adapter: { type: "lora", targetModules: "(.*a?)*(.*a?)*x" } },
      /targetModules: ".*" nests or chains too many repetitions/,
    ],
    [
      "LoRA+'s rate of embeddings without its ratio",
      { adapter: { type: "lora", loraplusLrEmbedding: 1 } },
      /adapter\.loraplusLrEmbedding: has no effect without loraplusLrRatio/,
    ],
    [
      "targets that are in no layer",
      { adapter: { type: "lora", targetModules: ["q_proj", "embed_tokens"], layersToTransform: [0] } },
      /targetModules: no module of embed_tokens is left in the layers/,
    ],
    [
      "rows that a trained output layer would have to follow",
      {
        model: goldenPath("models/qwen2-tied"),
        adapter: { type: "lora", modulesToSave: ["lm_head"], trainableTokenIndices: [3] },
      },
      /trainableTokenIndices and lm_head: .* Leave one out/,
    ],
    [
      "too many layers",
      { adapter: undefined, trainableLayers: 4 },
      /trainableLayers: expected at most the model's 3 layers, got 4/,
    ],
    [
      "layers beside an adapter",
      { trainableLayers: 1 },
      /trainableLayers: an adapter freezes the model's own weights/,
    ],
    [
      "settings of another kind",
      { adapter: { type: "ia3", r: 8 } as never },
      /adapter\.r: unknown key of ia3/,
    ],
  ])("%s", async (_, change, message) => {
    expect(await messageOf(runToEnd(smallRecipe(at("run"), change)))).toMatch(message);
  });
});
