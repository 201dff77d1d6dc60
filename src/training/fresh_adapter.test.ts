import { beforeAll, describe, expect, test } from "vitest";
import { type LoraAdapter, requireLora } from "../adapters/kinds/lora.ts";
import type { LoraConfig } from "../adapters/lora/lora_config.ts";
import { plainLora } from "../adapters/lora/lora_start.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { createDecoder, openDecodingSession } from "../generation/decoder.ts";
import { adapterFeeds } from "../generation/runtime_adapter.ts";
import { svd } from "../math/svd.ts";
import { readModel } from "../models/families.ts";
import type { Model } from "../models/family.ts";
import { modelLayout } from "../models/layout.ts";
import { type ModelDirectory, openModelDirectory } from "../pretrained/model_directory.ts";
import { quantizeTensors } from "../quantization/quantize_tensors.ts";
import { readWeight } from "../quantization/read_weight.ts";
import { randomUniform } from "../random/random.ts";
import { openSession } from "../runtime/node.ts";
import { goldenPath, maxDifference } from "../testing/goldens.ts";
import { freshAdapter } from "./fresh_adapter.ts";

const at = temporaryDirectory();
let directory: ModelDirectory;
let model: Model;
beforeAll(async () => {
  directory = await openModelDirectory(goldenPath("models/qwen2-tied"));
  model = readModel(directory.config);
});
const uniform = (purpose: string, index: number) => randomUniform(1, purpose, 0, index);
const config = (more: Partial<LoraConfig>): LoraConfig => ({
  type: "lora",
  r: 4,
  alpha: 8,
  dropout: 0,
  targetModules: ["q_proj", "down_proj"],
  ...more,
});
const fresh = async (more: Partial<LoraConfig>) =>
  requireLora(
    await freshAdapter(config(more), { name: "base", model, tensors: directory.tensors }, uniform),
    "it",
    "tested here",
  );

async function logits(adapter?: Awaited<ReturnType<typeof fresh>>) {
  const session = await openDecodingSession(
    model,
    directory.tensors,
    openSession,
    { device: "cpu", threads: 1 },
    adapter,
  );
  const decoder = createDecoder(session, model.dimensions, adapter && adapterFeeds(adapter));
  const result = await decoder.score([5, 60, 7, 319, 20, 66]);
  await session.release();
  return result;
}

describe("before its first step an adapter changes nothing", () => {
  test.each<Partial<LoraConfig>>([
    {},
    { useDora: true, initLoraWeights: "gaussian" },
    { useDora: true, useRslora: true, targetModules: ["v_proj", "embed_tokens", "lm_head"] },
    { initLoraWeights: "pissa" },
    { initLoraWeights: "pissa_niter_4", useRslora: true },
    { initLoraWeights: "olora", alphaPattern: { q_proj: 3 }, rankPattern: { down_proj: 2 } },
    { modulesToSave: ["embed_tokens", "lm_head", "norm"] },
    { bias: "all" },
    { trainableTokenIndices: [319, 5] },
  ])("%o", async (more) => {
    const adapter = await fresh(more);
    expect(maxDifference(await logits(adapter), await logits())).toBeLessThan(2e-5);
    const plain = plainLora(adapter) as LoraAdapter;
    expect(maxDifference(await logits(plain), await logits())).toBeLessThan(2e-5);
    if (more.initLoraWeights === "olora") {
      expect(plain.config).toMatchObject({ r: 8, alpha: 16, rankPattern: { down_proj: 4 } });
      expect(plain.config.initLoraWeights).toBeUndefined();
    }
  });

  test("without what was taken out of the weight, PiSSA would", async () => {
    const adapter = await fresh({ initLoraWeights: "pissa" });
    for (const weights of adapter.modules.values()) delete weights.start;
    expect(maxDifference(await logits(adapter), await logits())).toBeGreaterThan(0.1);
  });
});

describe("LoftQ begins as the best of its rank to make up for quantizing", () => {
  test.each([8, 32])("alpha %i", async (alpha) => {
    const module = "model.layers.1.mlp.down_proj";
    const cache = { directory: at("cache") };
    const tensors = await quantizeTensors(directory.tensors, modelLayout(model), { type: "nf4" }, cache);
    const base = { name: "base", model, tensors, unquantized: directory.tensors };
    const adapter = await freshAdapter(config({ alpha, initLoraWeights: "loftq" }), base, uniform);
    const { A, B, r, in: columns, out: rows } = (adapter as LoraAdapter).modules.get(module)!;
    const [whole, codes] = [directory.tensors, tensors].map((from) =>
      readWeight(from.get(`${module}.weight`)!),
    );
    const [W, Q] = [await whole!, await codes!];
    const data = Float64Array.from(W, (value, at) => value - Q[at]!);
    const { S } = svd({ data, rows, columns });
    let left = 0;
    for (let o = 0; o < rows; o++)
      for (let i = 0; i < columns; i++) {
        let term = 0;
        for (let k = 0; k < r; k++) term += B[o * r + k]! * A[k * columns + i]!;
        left += (data[o * columns + i]! - (alpha / r) * term) ** 2;
      }
    const tail = S.slice(r).reduce((sum, value) => sum + value * value, 0);
    expect(left / tail).toBeCloseTo(1, 4);
    expect((adapter as LoraAdapter).config.initLoraWeights).toBeUndefined(); // a plain LoRA to whoever reads it
  });
});

test.each([
  ["models/llama-gqa", ["k_proj", "v_proj", "down_proj"], ["down_proj"]],
  ["families/gpt2", ["c_attn", "mlp.c_proj"], ["mlp.c_proj"]],
  ["families/gpt_neox", ["query_key_value", "dense_4h_to_h"], ["dense_4h_to_h"]],
  ["families/phi3", ["qkv_proj", "down_proj"], ["down_proj"]],
  ["families/mixtral", ["k_proj", "v_proj"], []],
])("(IA)³ of %s scales %s when nothing is said", async (path, targetModules, feedforwardModules) => {
  const { config: own, tensors } = await openModelDirectory(goldenPath(path));
  const base = { name: path, model: readModel(own), tensors };
  const adapter = await freshAdapter({ type: "ia3" }, base, uniform);
  expect(adapter.config).toMatchObject({ targetModules, feedforwardModules });
});

test.each<[string, Partial<LoraConfig>]>([
  ["families/gpt_neox", { targetModules: ["embed_out"] }],
  ["families/gpt_neox", { targetModules: ["query_key_value"], modulesToSave: ["embed_out"] }],
  ["families/mixtral", { targetModules: ["q_proj"], modulesToSave: ["gate"] }],
  ["families/qwen3_moe", { targetModules: ["q_proj"], modulesToSave: ["mlp"] }],
])("%s: %o is in another form in transformers", async (path, more) => {
  const { config: own, tensors } = await openModelDirectory(goldenPath(path));
  const base = { name: path, model: readModel(own), tensors };
  await expect(freshAdapter(config(more), base, uniform)).rejects.toThrow(/PEFT would not find it/);
});

test("(IA)³ where layers have other names is told what there is", async () => {
  const { config: gpt2, tensors } = await openModelDirectory(goldenPath("families/gpt2"));
  const base = { name: "gpt2", model: readModel(gpt2), tensors };
  const usual = { type: "ia3", targetModules: ["k_proj", "v_proj", "down_proj"] } as const;
  await expect(
    freshAdapter({ ...usual, targetModules: [...usual.targetModules] }, base, uniform),
  ).rejects.toThrow(/no linear layer matches k_proj .*, v_proj .*, down_proj.*c_attn, c_proj, c_fc/);
});

describe("refused by name", () => {
  test.each<[Partial<LoraConfig>, RegExp]>([
    [{ r: 1000 }, /q_proj: rank 1000 is above the matrix's, \d+/],
    [{ rankPattern: { k_proj: 2 } }, /rankPattern: k_proj matches no module/],
    [{ alphaPattern: { "layers.0.*q_proj": 1, "(q|down)_proj": 2 } }, /matches several keys/],
    [{ alphaPattern: { "(": 1 } }, /alphaPattern: "[^"]*" is not a regular expression/],
    [{ excludeModules: ["xyz"] }, /excludeModules: no module matches xyz/],
    [{ excludeModules: ["q_proj", "down_proj"] }, /no module of q_proj,down_proj is left/],
    [{ layersToTransform: [0, 77] }, /no targeted module is in layer 77/],
    [{ layersToTransform: 0, targetModules: "all-linear" }, /need targetModules as a list/],
    [{ layersPattern: "layers" }, /has no effect without layersToTransform/],
    [{ modulesToSave: ["score"] }, /no module with parameters has a name that ends in score/],
    [
      { modulesToSave: ["mlp", "up_proj"] },
      /up_proj is a part of model\.layers\.0\.mlp, which is saved whole/,
    ],
    [{ modulesToSave: ["v_proj"], bias: "all" }, /both train model\.layers\.0\.self_attn\.v_proj\.bias/],
    [{ trainableTokenIndices: [320] }, /below the vocabulary's 320, got 320/],
    [{ trainableTokenIndices: [1, 1] }, /different numbers/],
    [{ trainableTokenIndices: { lm_head: [1] } }, /shares the embedding's weight/],
    [{ trainableTokenIndices: { q_proj: [1] } }, /neither the embedding/],
    [{ trainableTokenIndices: [1], modulesToSave: ["embed_tokens"] }, /which modulesToSave trains whole/],
    [{ initLoraWeights: "pissa", useDora: true }, /together with useDora/],
  ])("%o", async (more, message) => {
    await expect(fresh(more)).rejects.toThrow(message);
  });
});
