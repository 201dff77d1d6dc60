import { existsSync, readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { readTensor } from "../files/safetensors.ts";
import { readModel } from "../models/families.ts";
import { lastLayers } from "../models/last_layers.ts";
import { modelLayout } from "../models/layout.ts";
import { type ModelDirectory, openModelDirectory } from "../pretrained/model_directory.ts";
import { openSession } from "../runtime/node.ts";
import { goldenPath, maxDifference, readGoldenTensors } from "../testing/goldens.ts";
import { type Engine, openEngine } from "./engine.ts";
import { adapterMethod, fullMethod, type Method } from "./method.ts";
import { createOptimizer } from "./optimizer.ts";
import { learningRateAt } from "./schedule.ts";
import { goldenExamples } from "./testing/golden_examples.ts";
import type { TrainerSettings } from "./testing/golden_run.ts";

const CASES = [
  "llama-gqa-lora-qv",
  "mistral-window-lora-qv",
  "qwen2-tied-lora-qv",
  "llama-gqa-lora-all",
  "llama-bf16-lora-all",
  "llama-gqa-lora-alpaca",
  "llama-gqa-lora-drops",
  "llama-gqa-full",
  "qwen2-tied-full",
  "mistral-window-full",
];

/** Of every family, LoRA on all its linear layers. */
const FAMILIES = readdirSync(goldenPath("families")).filter((name) =>
  existsSync(goldenPath(`families/${name}/metrics.json`)),
);
const paths = [...CASES.map((name) => `training/${name}`), ...FAMILIES.map((name) => `families/${name}`)];

interface Case {
  /** How far PEFT in float32 is from PEFT in float64. */
  float32Noise?: { loss: number; gradNorm: number };
  model: string;
  examples: string;
  settings: TrainerSettings & { epochs: number; trainableLayers?: number };
}
interface Metrics {
  loss: number;
  learningRate: number;
  gradNorm: number;
  supervisedTokens: number;
  tokens: number;
}

const json = (path: string) => JSON.parse(readFileSync(goldenPath(path), "utf8"));

async function methodOf(name: string, directory: ModelDirectory): Promise<Method> {
  const initial = goldenPath(`${name}/initial`);
  if (existsSync(initial)) return adapterMethod(directory.tensors, await readAdapterDirectory(initial));
  const { settings }: Case = json(`${name}/case.json`);
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  const { parameters } = modelLayout(readModel(directory.config));
  const { trainableLayers } = settings;
  for (const parameter of trainableLayers
    ? lastLayers(parameters.keys(), trainableLayers)
    : parameters.keys())
    weights.set(parameter, {
      shape: parameters.get(parameter)!,
      data: await readTensor(directory.tensors.get(parameter)!),
    });
  return fullMethod(weights, directory.tensors);
}

const asPeftKey = (name: string) => (name.includes(".lora_") ? `base_model.model.${name}` : name);
const relative = (a: number, b: number) => Math.abs(a - b) / Math.abs(b);

describe.each(paths)("%s", (name) => {
  const golden: Case = json(`${name}/case.json`);
  const metrics: Metrics[] = json(`${name}/metrics.json`);
  let method: Method;
  let engine: Engine;

  beforeAll(async () => {
    const directory = await openModelDirectory(goldenPath(golden.model));
    method = await methodOf(name, directory);
    const options = { rowLength: 128, session: { device: "cpu", threads: 1 } } as const;
    engine = await openEngine(readModel(directory.config), method, openSession, options);
  });
  afterAll(() => engine?.release());

  test("20 steps equal PEFT's", async () => {
    const { settings } = golden;
    const examples = goldenExamples(golden.examples);
    const optimizer = createOptimizer(method.trainables);
    const expected = await readGoldenTensors(goldenPath(`${name}/gradients.safetensors`));
    const perEpoch = Math.ceil(examples.length / settings.batchSize);
    const worst = { loss: 0, gradNorm: 0, gradient: 0 };
    for (const [i, wanted] of metrics.entries()) {
      const step = i + 1;
      const start = (i % perEpoch) * settings.batchSize;
      const batch = examples.slice(start, start + settings.batchSize);
      const { loss, gradients, ...counts } = await engine.gradients(batch);
      if (step === 1)
        for (const [p, { name: parameter }] of method.trainables.entries()) {
          const truth = expected[asPeftKey(parameter)]!.data;
          const size = Math.max(...truth.map(Math.abs));
          worst.gradient = Math.max(worst.gradient, maxDifference(gradients[p]!, truth) / size);
        }
      const learningRate = learningRateAt(step, {
        ...settings,
        name: settings.schedule,
        totalSteps: metrics.length,
      });
      expect(learningRate).toBeCloseTo(wanted.learningRate, 12);
      expect(counts).toMatchObject({ tokens: wanted.tokens, supervisedTokens: wanted.supervisedTokens });
      const gradNorm = optimizer.step(gradients, { ...settings, step, learningRate });
      worst.loss = Math.max(worst.loss, relative(loss, wanted.loss));
      worst.gradNorm = Math.max(worst.gradNorm, relative(gradNorm, wanted.gradNorm));
    }
    // The bounds are 1e-5, 1e-3 and 1e-4; measured are 2.2e-7, 1.1e-6 and 3.9e-6. PEFT itself is further from float64 where a
    // delta rule's keys are made of next to nothing: then 3.5e-6, 8.9e-5 and 1.2e-5.
    const { loss = 0, gradNorm = 0 } = golden.float32Noise ?? {};
    expect(worst.loss).toBeLessThan(Math.min(Math.max(1e-6, 2 * loss), 1e-5));
    expect(worst.gradNorm).toBeLessThan(Math.min(Math.max(1e-5, 3 * gradNorm), 1e-3));
    expect(worst.gradient).toBeLessThan(Math.min(Math.max(1e-5, gradNorm), 1e-4));
  });
});
