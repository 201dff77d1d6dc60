import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { LoraAdapter } from "../../adapters/kinds/lora.ts";
import { scaleOf } from "../../adapters/lora/lora_config.ts";
import { readAdapterDirectory } from "../../adapters/peft/adapter_directory.ts";
import { readTensor } from "../../files/safetensors.ts";
import { readSafetensorsHeader, writeSafetensors } from "../../files/safetensors_file.ts";
import { outputOf, startChild } from "../../files/testing/child.ts";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { goldenPath } from "../../testing/goldens.ts";
import { modelWithTokenizer } from "../testing/llama_cases.ts";
import { describeForMlx, exportMlx } from "./export_mlx.ts";
import { exportMlxAdapter } from "./export_mlx_adapter.ts";
import { MLX_FAMILIES } from "./mlx_families.ts";

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

/** Number `i` of each parameter is i, plus 0.5 a parameter before it; experts' corrections are 0. */
async function modelOf(
  { config, parameters }: Case,
  changes: object = {},
  constants: Record<string, number> = {},
): Promise<string> {
  mkdirSync(at("model"), { recursive: true });
  writeFileSync(at("model", "config.json"), JSON.stringify({ ...config, ...changes }));
  for (const file of ["tokenizer.json", "tokenizer_config.json"])
    cpSync(goldenPath(`models/llama-gqa/${file}`), at("model", file));
  const tensors = Object.entries(parameters).map(([name, shape], number) => ({
    name,
    dtype: "F32" as const,
    shape,
    data: () =>
      Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) =>
        name.endsWith("e_score_correction_bias") ? (constants[name] ?? 0) : i + number / 2,
      ),
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

  test("Granite's experts come apart: gate and up lie one above the other", async () => {
    const one = cases.granitemoe!;
    await exportMlx({ model: await modelOf(one), output: at("out") });
    const before = number(one, "model.layers.1.block_sparse_moe.input_linear.weight"); // [3, 128, 32]
    const second = (part: string) =>
      value(`model.layers.1.block_sparse_moe.switch_mlp.${part}.weight`, 2 * 2048 + 33);
    expect(await second("gate_proj")).toBe(2 * 4096 + 33 + before);
    expect(await second("up_proj")).toBe(2 * 4096 + 2048 + 33 + before);
  });

  test("GPT-OSS's are turned, gate and up taken in turn", async () => {
    const one = cases.gpt_oss!;
    await exportMlx({ model: await modelOf(one), output: at("out") });
    const place = "model.layers.1.mlp.experts";
    const before = number(one, `${place}.gate_up_proj`); // [3, 32, 128]
    expect(await value(`${place}.gate_proj.weight`, 2 * 2048 + 5 * 32 + 7)).toBe(
      2 * 4096 + 7 * 128 + 10 + before,
    );
    expect(await value(`${place}.up_proj.weight`, 2 * 2048 + 5 * 32 + 7)).toBe(
      2 * 4096 + 7 * 128 + 11 + before,
    );
    expect(await value(`${place}.up_proj.bias`, 64 + 3)).toBe(
      128 + 7 + number(one, `${place}.gate_up_proj_bias`),
    );
    const down = number(one, `${place}.down_proj`); // [3, 64, 32]
    expect(await value(`${place}.down_proj.weight`, 2048 + 5 * 64 + 7)).toBe(2048 + 7 * 32 + 5 + down);
  });

  test("norms of the delta rule's families come plus 1, but for its own", async () => {
    const one = cases.qwen3_5!;
    await exportMlx({ model: await modelOf(one), output: at("out") });
    const [here, there] = ["model.language_model.layers", "language_model.model.layers"];
    const norm = number(one, `${here}.1.self_attn.q_norm.weight`);
    expect(await value(`${there}.1.self_attn.q_norm.weight`, 3)).toBe(3 + norm + 1);
    const own = number(one, `${here}.0.linear_attn.norm.weight`);
    expect(await value(`${there}.0.linear_attn.norm.weight`, 3)).toBe(3 + own);
    const taps = number(one, `${here}.0.linear_attn.conv1d.weight`); // [channels, 1, 4]
    expect(await value(`${there}.0.linear_attn.conv1d.weight`, 9)).toBe(9 + taps);
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

describe("config.json of models of several kinds of layers", () => {
  const configOf = async (name: string) => {
    await exportMlx({ model: await modelOf(cases[name]!), output: at("out") });
    return (await written()).config;
  };

  test("a text model is where mlx-lm looks for one", async () => {
    expect(await configOf("qwen3_5_text")).toMatchObject({
      model_type: "qwen3_5",
      full_attention_interval: 2,
      rope_parameters: { rope_type: "default", rope_theta: 10000, partial_rotary_factor: 0.5 },
    });
  });

  test("Gemma 3n's is inside, and its encoders need not be there", async () => {
    expect(await configOf("gemma3n_text")).toMatchObject({
      model_type: "gemma3n",
      text_config: {
        intermediate_size: 24,
        rope_local_base_freq: 1000,
        rope_theta: 1e6,
        altup_num_inputs: 3,
      },
    });
  });

  test("Gemma 4's heads by kind of layer", async () => {
    expect(await configOf("gemma4")).toMatchObject({
      model_type: "gemma4",
      vocab_size: 320,
      text_config: {
        ...{ head_dim: 8, global_head_dim: 12, num_key_value_heads: 2, num_global_key_value_heads: 1 },
        ...{ attention_k_eq_v: true, final_logit_softcapping: null },
      },
    });
  });

  test("LFM2's sizes, and which layers attend", async () => {
    expect(await configOf("lfm2")).toMatchObject({ block_dim: 32, block_ff_dim: 64, full_attn_idxs: [1] });
  });
});

describe("what mlx-lm doesn't compute is refused by name", () => {
  const withoutRules = readdirSync(goldenPath("families")).filter((name) => {
    const { model_type } = JSON.parse(readFileSync(goldenPath(`families/${name}/config.json`), "utf8"));
    return !Object.hasOwn(MLX_FAMILIES, model_type);
  });

  test.each(withoutRules)("the family %s", async (name) => {
    const model = modelWithTokenizer(`families/${name}`, at());
    await expect(exportMlx({ model, output: at("out") })).rejects.toThrow(
      /model_type: attune has no rules for this family in mlx-lm; expected one of .*, got \w+/,
    );
    expect(existsSync(at("out"))).toBe(false);
  });

  test("a text model of another family, inside of one that also sees", async () => {
    const model = modelWithTokenizer("families/mistral3-ministral3", at());
    await expect(exportMlx({ model, output: at("out") })).rejects.toThrow(
      /text_config\.model_type: .*expected mistral, got ministral3/,
    );
  });

  test.each<[string, object, RegExp]>([
    ["lfm2", { layer_types: ["conv", "conv", "conv"] }, /layer_types: .*both kinds/],
    ["gpt_oss", { layer_types: ["full_attention", "full_attention"] }, /layer_types: .*both kinds/],
    [
      "qwen3_next",
      { layer_types: ["full_attention", "linear_attention", "linear_attention"] },
      /layer_types: mlx-lm computes qwen3_next with full attention in the last of every so many/,
    ],
    ["gpt_oss", { attention_bias: false }, /attention_bias: /],
    ["gemma3n_text", { intermediate_size: [24, 32, 24, 24] }, /intermediate_size: .*MLPs of one size/],
    ["gemma4_text", { per_layer_config: { 1: { head_dim: 16 }, 3: { head_dim: 12 } } }, /per_layer_config: /],
  ])("%s with %j, whose files have other tensors", (name, changes, expected) => {
    const config = { ...cases[name]!.config, ...changes };
    expect(() => describeForMlx(config, name, "model")).toThrow(expected);
  });

  test("experts' correction that mlx-lm leaves out", async () => {
    const one = cases.ernie4_5_moe!;
    const name = "model.layers.1.mlp.moe_statics.e_score_correction_bias";
    const model = await modelOf(one, {}, { [name]: 0.25 });
    await expect(exportMlx({ model, output: at("out") })).rejects.toThrow(
      /moe_statics\.e_score_correction_bias: mlx-lm computes ernie4_5_moe without it/,
    );
    expect(existsSync(at("out"))).toBe(false);
  });

  test("keys and values that Gemma 3n's files lack", async () => {
    const one = cases.gemma3n_text!;
    const missing = "model.layers.3.self_attn.v_proj.weight";
    const { [missing]: _, ...parameters } = one.parameters;
    const model = await modelOf({ ...one, parameters });
    await expect(exportMlx({ model, output: at("out") })).rejects.toThrow(
      /model\.layers\.3\.self_attn\.v_proj\.weight: mlx-lm wants keys and values/,
    );
    expect(existsSync(at("out"))).toBe(false);
  });

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
    ["ernie4_5_moe", { moe_norm_min: 0.5 }, /moe_norm_min: mlx-lm computes ernie4_5_moe in one way/],
    ["granitemoe", { hidden_act: "gelu" }, /hidden_act: mlx-lm computes granitemoe with silu/],
    ["gemma3n_text", { num_kv_shared_layers: 1 }, /layer_types: mlx-lm's layers of gemma3n that share keys/],
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

describe("files and disks", () => {
  const leftovers = () => readdirSync(at()).filter((name) => /out/.test(name));

  test.each<[string, (output: string) => void, RegExp]>([
    [
      "a directory with something in it",
      (output) => cpSync(goldenPath("mlx"), output, { recursive: true }),
      /not empty/,
    ],
    ["a file", (output) => writeFileSync(output, "mine"), /already exists, and is no directory/],
    [
      "a link to nowhere",
      (output) => symlinkSync(at("nowhere"), output),
      /already exists, and is no directory/,
    ],
  ])("an output that exists: %s", async (_, make, expected) => {
    make(at("out"));
    const exporting = exportMlx({ model: goldenPath("models/llama-gqa"), output: at("out") });
    await expect(exporting).rejects.toThrow(expected);
    await expect(exporting).rejects.toThrow(/or remove it first/);
    expect(leftovers()).toEqual(["out"]);
  });

  test("a full disk in the middle", async () => {
    const [model, output] = [goldenPath("models/llama-gqa"), at("out")];
    const source = `
      import { exportMlx } from "attune";
      await exportMlx(${JSON.stringify({ model, output })}).then(
        () => console.log("written"), (error) => console.log(error.code, error.message));`;
    expect(await outputOf(startChild(at(), source, 64))).toMatch(
      /^files\.cannot-write Cannot write .*out.model\.safetensors: the file would be larger than .*\(EFBIG\)/,
    );
    expect(leftovers()).toEqual([]);
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

  test.each([
    ["qwen3_5", "language_model.model.layers.1.self_attn.q_proj", "linear_attn.in_proj_qkv"],
    ["gemma4", "language_model.model.layers.1.self_attn.q_proj", "mlp.gate_proj"],
    ["qwen3_next", "model.layers.1.self_attn.q_proj", "linear_attn.in_proj_qkvz"],
    ["gemma3", "language_model.model.layers.1.self_attn.q_proj", "mlp.gate_proj"],
  ])("of %s by the names of its text model", async (name, module, key) => {
    const model = modelWithTokenizer(`families/${name}`, at());
    const text = JSON.parse(readFileSync(join(model, "config.json"), "utf8"));
    if (name === "gemma3") {
      delete text.text_config.rope_parameters; // stretched, which mlx-lm doesn't do
      writeFileSync(join(model, "config.json"), JSON.stringify(text));
    }
    await exportMlxAdapter({ model, adapter: goldenPath(`families/${name}/initial`), output: at("out") });
    const { tensors } = await readSafetensorsHeader(at("out", "adapters.safetensors"));
    expect([...tensors.keys()]).toContain(`${module}.lora_a`);
    const { lora_parameters } = JSON.parse(readFileSync(at("out", "adapter_config.json"), "utf8"));
    expect(lora_parameters.keys).toContain(key);
  });

  test("what only a merge can do is refused with its command", async () => {
    const [model, adapter] = [goldenPath("models/llama-gqa"), goldenPath("adapters/llama-dora/final")];
    await expect(exportMlxAdapter({ model, adapter, output: at("out") })).rejects.toThrow(
      /an adapter of mlx-lm holds terms of layers alone, and it is DoRA.* Merge it: attune export .* --format mlx --out merged\./,
    );
  });
});
