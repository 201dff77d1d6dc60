import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { LoraAdapter } from "../../adapters/kinds/lora.ts";
import { scaleOf } from "../../adapters/lora/lora_config.ts";
import { readAdapterDirectory } from "../../adapters/peft/adapter_directory.ts";
import { readTensor } from "../../files/safetensors.ts";
import { readSafetensorsHeader, writeSafetensors } from "../../files/safetensors_file.ts";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { goldenPath } from "../../testing/goldens.ts";
import { modelWithTokenizer } from "../testing/llama_cases.ts";
import { exportMlx } from "./export_mlx.ts";
import { exportMlxAdapter } from "./export_mlx_adapter.ts";

type Shapes = Record<string, number[]>;
interface Case {
  config: Record<string, unknown>;
  parameters: Shapes;
  mlx: Shapes;
}

const { madeWith: _, ...cases } = JSON.parse(readFileSync(goldenPath("mlx/names.json"), "utf8")) as Record<
  string,
  Case
>;
const at = temporaryDirectory();

/** Number `i` of each parameter is i, plus 0.5 a parameter before it. */
async function modelOf({ config, parameters }: Case, changes: object = {}): Promise<string> {
  mkdirSync(at("model"), { recursive: true });
  writeFileSync(at("model", "config.json"), JSON.stringify({ ...config, ...changes }));
  for (const file of ["tokenizer.json", "tokenizer_config.json"])
    cpSync(goldenPath(`models/llama-gqa/${file}`), at("model", file));
  const tensors = Object.entries(parameters).map(([name, shape], number) => ({
    name,
    dtype: "F32" as const,
    shape,
    data: () => Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + number / 2),
  }));
  await writeSafetensors(at("model", "model.safetensors"), tensors);
  return at("model");
}

async function written(directory = "out") {
  const { tensors, metadata } = await readSafetensorsHeader(at(directory, "model.safetensors"));
  const shapes = Object.fromEntries([...tensors.values()].map(({ name, shape }) => [name, [...shape]]));
  const config = JSON.parse(readFileSync(at(directory, "config.json"), "utf8"));
  return { tensors, metadata, shapes, config };
}

describe("names and shapes are mlx-lm's", () => {
  test.each(Object.entries(cases))("%s", async (_, one) => {
    await exportMlx({ model: await modelOf(one), output: at("out") });
    const { shapes, metadata } = await written();
    expect(shapes).toEqual(one.mlx);
    expect(metadata).toEqual({ format: "mlx" });
    expect(existsSync(at("out", "tokenizer.json"))).toBe(true);
  });
});

describe("values", () => {
  const value = async (name: string, index: number) =>
    (await readTensor((await written()).tensors.get(name)!))[index];
  const number = (one: Case, name: string) => Object.keys(one.parameters).indexOf(name) / 2;

  test("GPT-2's matrices are turned", async () => {
    const one = cases.gpt2!;
    await exportMlx({ model: await modelOf(one), output: at("out") });
    const before = number(one, "transformer.h.1.mlp.c_fc.weight"); // [32, 128]
    expect(await value("model.h.1.mlp.c_fc.weight", 5 * 32 + 7)).toBe(7 * 128 + 5 + before);
  });

  test("experts lie one upon the other", async () => {
    const one = cases.mixtral!;
    await exportMlx({ model: await modelOf(one), output: at("out") });
    const before = number(one, "model.layers.1.block_sparse_moe.experts.2.w2.weight"); // [32, 64]
    expect(await value("model.layers.1.block_sparse_moe.switch_mlp.down_proj.weight", 2 * 2048 + 9)).toBe(
      9 + before,
    );
  });

  test("types stay the base's, and an adapter is merged", async () => {
    const model = goldenPath("models/llama-bf16");
    await exportMlx({ model, output: at("out") });
    expect((await written()).tensors.get("model.norm.weight")!.dtype).toBe("BF16");
    const [base, adapter] = [goldenPath("models/llama-gqa"), goldenPath("training/llama-gqa-lora-all/final")];
    await exportMlx({ model: base, adapter, output: at("merged") });
    const name = "model.layers.0.self_attn.q_proj.weight";
    const { tensors } = await readSafetensorsHeader(`${base}/model.safetensors`);
    expect(await readTensor((await written("merged")).tensors.get(name)!)).not.toEqual(
      await readTensor(tensors.get(name)!),
    );
  });
});

describe("config.json says what mlx-lm reads", () => {
  test("a rotation in the older spelling", async () => {
    await exportMlx({ model: await modelOf(cases.llama!), output: at("out") });
    expect((await written()).config).toMatchObject({
      rope_theta: 10000,
      rope_scaling: { type: "llama3", factor: 8, original_max_position_embeddings: 32 },
    });
  });

  test("Gemma 3's two, and its pattern", async () => {
    await exportMlx({ model: await modelOf(cases.gemma3_text!), output: at("out") });
    expect((await written()).config).toMatchObject({
      sliding_window_pattern: 3,
      rope_local_base_freq: 10000,
    });
  });

  test("what GPT-NeoX's must have", async () => {
    await exportMlx({ model: await modelOf(cases.gpt_neox!), output: at("out") });
    expect((await written()).config).toMatchObject({ rotary_pct: 0.25, rotary_emb_base: 10000 });
  });
});

describe("what mlx-lm doesn't compute is refused by name", () => {
  test.each<[string, object, RegExp]>([
    [
      "qwen2",
      { use_sliding_window: true, sliding_window: 8, max_window_layers: 0, layer_types: null },
      /sliding_window/,
    ],
    ["gemma2", { sliding_window: 8 }, /sliding_window: mlx-lm computes gemma2 without a window; got 8/],
    ["gpt_neox", { use_parallel_residual: false }, /use_parallel_residual/],
    ["gpt2", { activation_function: "silu" }, /activation_function/],
    [
      "glm4_moe",
      { rope_parameters: null, rope_scaling: { type: "linear", factor: 2 } },
      /rope_type: .*glm4_moe; got "linear"/,
    ],
    ["olmoe", { clip_qkv: 4 }, /clip_qkv: mlx-lm computes olmoe in one way; expected null, got 4/],
    ["qwen2_moe", { norm_topk_prob: true }, /norm_topk_prob: mlx-lm computes qwen2_moe in one way/],
    ["phi3", { rope_parameters: null, rope_scaling: { type: "linear", factor: 2 } }, /rope_type: .*"linear"/],
    [
      "gemma3_text",
      { layer_types: ["full_attention", "sliding_attention", "full_attention"] },
      /layer_types/,
    ],
  ])("%s with %j", async (name, changes, expected) => {
    const model = await modelOf(cases[name]!, changes);
    await expect(exportMlx({ model, output: at("out") })).rejects.toThrow(expected);
    expect(existsSync(at("out"))).toBe(false);
  });
});

describe("adapters", () => {
  test.each(["llama-lora", "llama-rslora", "llama-patterns", "gpt2-rslora"])(
    "%s adds what PEFT's does",
    async (name) => {
      const model = modelWithTokenizer(`gguf/models/${name.split("-")[0]}`, at());
      const adapter = goldenPath(`gguf/adapters/${name}`);
      await exportMlxAdapter({ model, adapter, output: at("out") });
      const config = JSON.parse(readFileSync(at("out", "adapter_config.json"), "utf8"));
      const { tensors } = await readSafetensorsHeader(at("out", "adapters.safetensors"));
      const { config: own, modules } = (await readAdapterDirectory(adapter)) as LoraAdapter;
      const { rank, scale, keys } = config.lora_parameters;
      expect(config).toMatchObject({ fine_tune_type: "lora", num_layers: 2 });
      expect(keys).toContain(name.startsWith("gpt2") ? "attn.c_attn" : "self_attn.q_proj");
      expect(tensors.size).toBe(2 * modules.size);
      for (const [module, { A, B, r, in: inputs, out }] of modules) {
        const path = module.replace(/^transformer\./, "model.");
        const [a, b] = [tensors.get(`${path}.lora_a`)!, tensors.get(`${path}.lora_b`)!];
        expect([a.shape, b.shape]).toEqual([
          [inputs, rank],
          [rank, out],
        ]);
        const [left, right] = [await readTensor(a), await readTensor(b)];
        const [i, o] = [inputs - 2, out - 3];
        let [found, expected] = [0, 0];
        for (let k = 0; k < rank; k++) found += left[i * rank + k]! * right[k * out + o]!;
        for (let k = 0; k < r; k++) expected += A[k * inputs + i]! * B[o * r + k]!;
        expect(scale * found).toBeCloseTo(scaleOf(own, module, r) * expected, 6);
      }
    },
  );

  test("what only a merge can do is refused with its command", async () => {
    const [model, adapter] = [goldenPath("models/llama-gqa"), goldenPath("adapters/llama-dora/final")];
    await expect(exportMlxAdapter({ model, adapter, output: at("out") })).rejects.toThrow(
      /an adapter of mlx-lm holds terms of layers alone, and it is DoRA.* Merge it: attune export .* --format mlx --out merged\./,
    );
  });
});
