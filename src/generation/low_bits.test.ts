import { readdirSync } from "node:fs";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { goldenPath } from "../testing/goldens.ts";
import { type LoadModelOptions, loadModel } from "./load_model.ts";

const at = temporaryDirectory();
beforeEach(() => vi.stubEnv("ATTUNE_CACHE", at("cache")));

const TOKENS = Array.from({ length: 24 }, (_, t) => (t * 37) % 300);

async function logits(model: string, options: LoadModelOptions = {}): Promise<Float32Array> {
  const loaded = await loadModel(goldenPath(model), { threads: 1, ...options });
  return loaded.logits(TOKENS).finally(() => loaded.release());
}

/** The distance of two vectors, against the length of one. */
const distance = (found: Float32Array, wanted: Float32Array) =>
  Math.hypot(...found.map((value, i) => value - wanted[i]!)) / Math.hypot(...wanted);

describe.each([
  ["an output layer of its own", "models/llama-gqa", undefined],
  ["tied ends, in 16 bits", "models/qwen2-tied", undefined],
  ["an adapter", "models/llama-gqa", "training/llama-gqa-lora-all/final"],
  ["DoRA, which reads the weights", "models/llama-gqa", "adapters/llama-dora-ends/final"],
])("%s", (_, model, adapter) => {
  test("answers are those of float32, but for rounding: less of it in 8 bits than in 4", async () => {
    const adapters = adapter && goldenPath(adapter);
    const exact = await logits(model, { adapters });
    const int8 = distance(await logits(model, { adapters, compute: "int8" }), exact);
    const int4 = distance(await logits(model, { adapters, compute: "int4" }), exact);
    expect(int8).toBeGreaterThan(0);
    expect(int8).toBeLessThan(0.05); // measured: 0.03
    expect(int4).toBeGreaterThan(2 * int8);
    expect(int4).toBeLessThan(0.4);
  });
});

test("codes are made once", async () => {
  const seen: number[] = [];
  const options: LoadModelOptions = { compute: "int8", onWeight: (done) => seen.push(done) };
  const first = await logits("models/llama-gqa", options);
  expect(seen.length).toBeGreaterThan(0);
  expect(readdirSync(at("cache/quantized"))).toHaveLength(1);
  seen.length = 0;
  expect(await logits("models/llama-gqa", options)).toEqual(first);
  expect(seen).toEqual([]);
});

test("a base that is quantized already is refused by name", async () => {
  const quantized = loadModel(goldenPath("models/llama-gqa"), {
    quantization: { type: "nf4" },
    compute: "int8",
  });
  await expect(quantized).rejects.toMatchObject({ code: "generation.low-bits-of-quantized" });
});
