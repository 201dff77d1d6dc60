import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { goldenPath } from "../../testing/goldens.ts";
import type { StepEvent } from "../../training/events.ts";
import type { RecipeInput } from "../../training/recipe.ts";
import { isStep, runToEnd, smallRecipe } from "../testing/runs.ts";
import { type Estimate, estimate } from "./estimate.ts";

const path = temporaryDirectory();

function bytesBelow(directory: string): number {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

/** An estimate without running anything, then the run. */
async function both(
  own: Partial<RecipeInput>,
): Promise<{ figures: Estimate; steps: StepEvent[]; output: string }> {
  const output = path("run");
  const recipe = smallRecipe(output, own);
  const figures = await estimate(recipe, { measure: false });
  expect(() => statSync(output)).toThrow();
  const events = await runToEnd(recipe);
  return { figures, steps: events.filter(isStep) as StepEvent[], output };
}

const sum = (steps: readonly StepEvent[], key: "tokens" | "computedTokens" | "supervisedTokens") =>
  steps.reduce((total, step) => total + step[key], 0);

const pairs = () => {
  const rows = Array.from({ length: 12 }, (_, i) => ({
    prompt: `Say ${i}`,
    chosen: `${i}!`,
    rejected: "no",
  }));
  writeFileSync(path("pairs.json"), JSON.stringify(rows));
  return [{ path: path("pairs.json") }];
};

describe("steps and tokens are the run's, bytes within a tenth", () => {
  test.each<[string, () => Partial<RecipeInput>]>([
    [
      "LoRA, held-out rows",
      () => ({ evaluation: { fraction: 0.25 }, training: { epochs: 1, maxSteps: undefined, batchSize: 7 } }),
    ],
    ["all weights, several checkpoints", () => ({ adapter: undefined, training: { saveEvery: 2 } })],
    [
      "NF4, DoRA",
      () => ({
        quantization: { type: "nf4" },
        adapter: { type: "lora", useDora: true, targetModules: "all-linear" },
      }),
    ],
    ["int8 products", () => ({ compute: "int8", adapter: { type: "lora", targetModules: "all-linear" } })],
    ["preferences", () => ({ data: pairs(), objective: { type: "dpo" }, training: { maxSteps: 3 } })],
    [
      "raw text",
      () => ({
        stage: "pretrain",
        data: [{ path: goldenPath("data/alpaca.json"), columns: { text: "output" }, format: "text" }],
      }),
    ],
  ])(
    "%s",
    async (_, own) => {
      const { figures, steps, output } = await both(own());
      expect(figures.steps).toBe(steps.length);
      expect(figures.tokens).toBe(sum(steps, "tokens"));
      expect(figures.computedTokens).toBe(sum(steps, "computedTokens"));
      expect(figures.supervisedTokens).toBe(sum(steps, "supervisedTokens"));
      const { result, best, checkpoints, records } = figures.disk;
      const expected = result + best + checkpoints + records;
      expect(bytesBelow(output) / expected).toBeGreaterThan(0.9);
      expect(bytesBelow(output) / expected).toBeLessThan(1.1);
    },
    60_000,
  );
});

test("passes are run in a process of their own", async () => {
  const recipe = smallRecipe(path("run"), { evaluation: { fraction: 0.2 } });
  const figures = await estimate(recipe, { threads: 1, budget: 0.1 });
  expect(figures).toMatchObject({ measured: true, fits: true, steps: 6, notes: [] });
  expect(figures.peakMemoryBytes).toBeGreaterThan(80e6);
  expect(figures.peakMemoryBytes).toBeLessThan(1e9);
  expect(figures.secondsPerStep).toBeGreaterThan(0);
  expect(() => statSync(path("run"))).toThrow();
}, 60_000);

test("what would be refused is refused, also by the process that runs passes", async () => {
  const recipe = smallRecipe(path("run"));
  await expect(estimate({ ...recipe, model: "./nothing" })).rejects.toMatchObject({ name: "AttuneError" });
  await expect(estimate({ ...recipe, data: [{ path: path("none.json") }] })).rejects.toMatchObject({
    code: "files.missing",
  });
  writeFileSync(path("empty.jsonl"), "");
  await expect(estimate({ ...recipe, data: [{ path: path("empty.jsonl") }] })).rejects.toMatchObject({
    code: "data.empty",
  });
  const device = estimate(recipe, { device: "wasm" });
  await expect(device).rejects.toMatchObject({
    name: "AttuneError",
    code: expect.stringMatching(/^runtime/),
  });
}, 60_000);

test("float16 on WebGPU: half the frozen weights' memory, and what it costs; refused elsewhere", async () => {
  const recipe = smallRecipe(path("run"), { adapter: { type: "lora", targetModules: "all-linear" } });
  const onGpu = (compute: "float32" | "float16") =>
    estimate({ ...recipe, compute }, { measure: false, device: "webgpu" });
  const [whole, half, cpu] = [
    await onGpu("float32"),
    await onGpu("float16"),
    await estimate(recipe, { measure: false }),
  ];
  expect(half.memory.weights).toBeLessThan(0.65 * whole.memory.weights); // norms and the output layer stay float32
  expect(half.memory.weights).toBeGreaterThan(0.5 * whole.memory.weights);
  expect(whole.memory.weights).toBeLessThanOrEqual(cpu.memory.weights);
  expect(half.memory.activations).toBeLessThan(whole.memory.activations);
  expect(half.notes.join("\n")).toMatch(/float16 rounds .*within 1% of float32's/);
  const elsewhere = estimate({ ...recipe, compute: "float16" }, { measure: false });
  await expect(elsewhere).rejects.toMatchObject({ code: "training.compute-device" });
}, 60_000);

/** A model of 80 million parameters, as far as its files tell: it has no weights. */
function largeModel(): string {
  const from = goldenPath("models/llama-gqa");
  mkdirSync(path("large"));
  for (const file of ["tokenizer.json", "tokenizer_config.json"])
    cpSync(join(from, file), path("large", file));
  const config = JSON.parse(readFileSync(join(from, "config.json"), "utf8"));
  const sizes = {
    hidden_size: 768,
    intermediate_size: 2048,
    num_hidden_layers: 12,
    max_position_embeddings: 4096,
  };
  writeFileSync(path("large/config.json"), JSON.stringify({ ...config, ...sizes, head_dim: undefined }));
  return path("large");
}

test("what takes less memory stands there with its figures", async () => {
  const rows = Array.from({ length: 8 }, (_, i) => ({ text: `word ${i} `.repeat(600) }));
  const training = { maxSteps: 2, maxLength: 1500 };
  const recipe = smallRecipe(path("run"), {
    stage: "pretrain",
    adapter: undefined,
    data: [{ rows }],
    training,
  });
  const { alternatives, peakMemoryBytes, trainedParameters, memory } = await estimate(
    { ...recipe, model: largeModel() },
    { measure: false },
  );
  expect(memory.trained).toBe(16 * trainedParameters); // value, sum of gradients, two moments
  const [checkpointing, shorter, both] = alternatives;
  expect([checkpointing, shorter, both].map((one) => one!.set)).toEqual([
    { "training.gradientCheckpointing": true },
    { "training.maxLength": 1024 },
    { "training.gradientCheckpointing": true, "training.maxLength": 1024 },
  ]);
  const peaks = [peakMemoryBytes, checkpointing!.peakMemoryBytes, both!.peakMemoryBytes];
  expect(peaks).toEqual(peaks.toSorted((a, b) => b - a));
  expect(both!.peakMemoryBytes).toBeLessThan(shorter!.peakMemoryBytes);
});
