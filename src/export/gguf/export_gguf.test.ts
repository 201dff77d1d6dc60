import { cpSync, existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { float16ToFloat32, float32ToFloat16 } from "../../files/float.ts";
import { copyOf, readTensor } from "../../files/safetensors.ts";
import { readSafetensorsHeader, writeSafetensors } from "../../files/safetensors_file.ts";
import { outputOf, startChild } from "../../files/testing/child.ts";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { readModel } from "../../models/families.ts";
import { openModelDirectory } from "../../pretrained/model_directory.ts";
import { readWeight } from "../../quantization/read_weight.ts";
import { goldenPath } from "../../testing/goldens.ts";
import { mergeAdapter } from "../merge.ts";
import { quantizeModel } from "../quantize_model.ts";
import { openGguf } from "../testing/gguf_file.ts";
import { modelWithTokenizer } from "../testing/llama_cases.ts";
import { describeForLlama } from "./architectures/architectures.ts";
import { exportGguf, type GgufOptions } from "./export_gguf.ts";

const at = temporaryDirectory();
const golden = (name: string) => modelWithTokenizer(`gguf/models/${name}`, at());

type Changes = Record<string, unknown>;
const YARN = { rope_type: "yarn", rope_theta: 100, factor: 4, original_max_position_embeddings: 1024 };

/** A copy of a model with other keys in config.json, or in another file of it. */
function changed(name: string, changes: Changes, file = "config.json"): string {
  const path = golden(name);
  const from = JSON.parse(readFileSync(join(path, file), "utf8"));
  writeFileSync(join(path, file), JSON.stringify({ ...from, ...changes }));
  return path;
}

const exported = async (model: string, options: Partial<GgufOptions> = {}) => {
  const output = options.output ?? at("out.gguf");
  await exportGguf({ model, output, type: "f32", ...options });
  return openGguf(output);
};

const refusal = (model: string, options: Partial<GgufOptions> = {}): Promise<string> =>
  exported(model, options).then(
    () => "nothing was thrown",
    (error) => {
      expect(error).toMatchObject({ name: "AttuneError", code: expect.not.stringMatching("unsorted") });
      return (error as Error).message;
    },
  );

const asHalf = (value: number): number => float16ToFloat32(float32ToFloat16(Float32Array.of(value)))[0]!;

/** What the exporter left behind beside the models' copies. */
const leftovers = () => readdirSync(at()).filter((name) => /gguf/.test(name));

async function weightOf(model: string, name: string): Promise<Float32Array> {
  const { tensors } = await readSafetensorsHeader(join(model, "model.safetensors"));
  return readTensor(tensors.get(name)!);
}

describe("what is written", () => {
  test("llama's queries and keys lie as neighbours are rotated, its values as they did", async () => {
    const model = golden("llama");
    const { metadata, values } = await exported(model);
    const q = await weightOf(model, "model.layers.0.self_attn.q_proj.weight"); // heads of 16 rows, 32 wide
    const found = values("blk.0.attn_q.weight");
    const row = (matrix: Float32Array, i: number) => [...matrix.subarray(32 * i, 32 * i + 32)];
    expect(row(found, 16 + 2 * 3)).toEqual(row(q, 16 + 3));
    expect(row(found, 16 + 2 * 3 + 1)).toEqual(row(q, 16 + 8 + 3));
    expect(values("blk.1.attn_v.weight")).toEqual(
      await weightOf(model, "model.layers.1.self_attn.v_proj.weight"),
    );
    expect(metadata.get("general.architecture")).toEqual({ type: "string", value: "llama" });
    expect(metadata.get("llama.attention.key_length")).toEqual({ type: "uint32", value: 16 });
  });

  test("Gemma's norms come plus 1, GPT-2's matrices turned, experts one upon the other", async () => {
    const gemma = golden("gemma");
    const norm = await weightOf(gemma, "model.norm.weight");
    expect((await exported(gemma)).values("output_norm.weight")).toEqual(norm.map((value) => value + 1));
    const gpt2 = golden("gpt2");
    const up = await weightOf(gpt2, "transformer.h.0.mlp.c_fc.weight"); // [32, 128]
    const found = await exported(gpt2, { output: at("gpt2.gguf") });
    expect(found.tensors.get("blk.0.ffn_up.weight")!.shape).toEqual([128, 32]);
    expect(found.values("blk.0.ffn_up.weight")[5 * 32 + 7]).toBe(up[7 * 128 + 5]);
    const mixtral = golden("mixtral");
    await exportGguf({ model: mixtral, output: at("mixtral.gguf"), type: "f32" });
    const experts = await openGguf(at("mixtral.gguf"));
    const w2 = await weightOf(mixtral, "model.layers.1.block_sparse_moe.experts.3.w2.weight");
    expect(experts.tensors.get("blk.1.ffn_down_exps.weight")!.shape).toEqual([4, 32, 32]);
    expect(experts.values("blk.1.ffn_down_exps.weight").subarray(3 * 1024)).toEqual(w2);
  });

  test("Granite's experts come apart: gate and up", async () => {
    const model = golden("granitemoe");
    const found = await exported(model);
    const both = await weightOf(model, "model.layers.1.block_sparse_moe.input_linear.weight"); // [4, 64, 32]
    const up = found.values("blk.1.ffn_up_exps.weight");
    expect(found.tensors.get("blk.1.ffn_up_exps.weight")!.shape).toEqual([4, 32, 32]);
    expect(up.subarray(3 * 1024)).toEqual(both.subarray(7 * 1024));
    expect(found.values("blk.1.ffn_gate_exps.weight").subarray(1024, 2048)).toEqual(
      both.subarray(2048, 3072),
    );
    expect(found.tensors.get("blk.1.ffn_down_exps.weight")!.shape).toEqual([4, 32, 32]);
  });

  test("DeepSeek's keys come turned and apart from its values; what is rotated lies as neighbours are", async () => {
    const model = golden("deepseek-v3-halves");
    const found = await exported(model);
    const both = await weightOf(model, "model.layers.1.self_attn.kv_b_proj.weight"); // 2 heads of 32 + 32 rows, 32 wide
    expect(found.tensors.get("blk.1.attn_k_b.weight")!.shape).toEqual([2, 32, 32]);
    expect(found.values("blk.1.attn_k_b.weight")[1024 + 32 * 5 + 7]).toBe(both[32 * (64 + 7) + 5]);
    expect(found.values("blk.1.attn_v_b.weight").subarray(1024)).toEqual(both.subarray(32 * 96));
    const key = await weightOf(model, "model.layers.0.self_attn.kv_a_proj_with_mqa.weight"); // 32 + 16 rows
    const row = (matrix: Float32Array, i: number) => [...matrix.subarray(32 * i, 32 * i + 32)];
    const rows = found.values("blk.0.attn_kv_a_mqa.weight");
    expect([row(rows, 31), row(rows, 32 + 2 * 3 + 1)]).toEqual([row(key, 31), row(key, 32 + 8 + 3)]);
    expect(found.metadata.get("deepseek2.attention.q_lora_rank")?.value).toBe(32);
    expect(found.metadata.has("deepseek2.expert_group_count")).toBe(false);
  });

  test("GPT-OSS's experts come turned, gates and ups apart, and so do their biases", async () => {
    const model = golden("gpt-oss");
    const { tensors, values } = await exported(model);
    const both = await weightOf(model, "model.layers.1.mlp.experts.gate_up_proj"); // [4, 32, 64]
    expect(tensors.get("blk.1.ffn_up_exps.weight")!.shape).toEqual([4, 32, 32]);
    expect(values("blk.1.ffn_up_exps.weight")[3 * 1024 + 5 * 32 + 7]).toBe(both[3 * 2048 + 7 * 64 + 11]);
    expect(values("blk.1.ffn_gate_exps.weight")[5 * 32 + 7]).toBe(both[7 * 64 + 10]);
    const down = await weightOf(model, "model.layers.1.mlp.experts.down_proj"); // [4, 32, 32]
    expect(values("blk.1.ffn_down_exps.weight")[1024 + 5 * 32 + 7]).toBe(down[1024 + 7 * 32 + 5]);
    const bias = await weightOf(model, "model.layers.1.mlp.experts.gate_up_proj_bias"); // [4, 64]
    expect(values("blk.1.ffn_up_exps.bias")[2 * 32 + 5]).toBe(bias[2 * 64 + 11]);
    expect(values("blk.0.attn_sinks.weight")).toEqual(
      await weightOf(model, "model.layers.0.self_attn.sinks"),
    );
    const half = await exported(model, { output: at("half.gguf"), type: "f16" });
    expect(half.tensors.get("blk.1.ffn_up_exps.bias")!.type).toBe("F32"); // no other is read
  });

  test("experts in MXFP4 stay so, but not in float32, nor those that an adapter changes", async () => {
    const model = modelWithTokenizer("mxfp4", at());
    const experts = async (options: Partial<GgufOptions>, name: string) => {
      const { tensors, metadata } = await exported(model, { output: at(name), ...options });
      const types = [...tensors.values()].filter((tensor) => /exps\.weight/.test(tensor.name));
      expect(metadata.has("general.quantization_version")).toBe(types.some(({ type }) => type === "MXFP4"));
      return new Set(types.map(({ name: tensor, type }) => `${tensor.split(".")[2]} ${type}`));
    };
    const kept = ["ffn_gate_exps MXFP4", "ffn_up_exps MXFP4", "ffn_down_exps MXFP4"];
    expect([...(await experts({ type: "f16" }, "a.gguf"))]).toEqual(kept);
    expect([...(await experts({ type: "q4_0" }, "b.gguf"))]).toEqual(kept);
    expect(await experts({ type: "f32" }, "c.gguf")).toContain("ffn_down_exps F32");
    const adapter = goldenPath("target_parameters/mxfp4/initial");
    const merged = await experts({ type: "f16", adapter }, "d.gguf");
    expect(merged).toContain("ffn_gate_exps F16");
  });

  test("GPT-OSS without windows has one of all positions", async () => {
    const windowOf = async (changes: Changes, name: string) =>
      (await exported(changed("gpt-oss", changes), { output: at(name) })).metadata.get(
        "gpt-oss.attention.sliding_window",
      )?.value;
    expect(await windowOf({}, "a.gguf")).toBe(8);
    const full = ["full_attention", "full_attention"];
    expect(await windowOf({ layer_types: full }, "b.gguf")).toBe(64);
  });

  test("so do those of Granite 4's plain MLP, which says that it rotates nothing", async () => {
    const model = golden("granite-hybrid");
    const { values, tensors, metadata } = await exported(model);
    const both = await weightOf(model, "model.layers.1.shared_mlp.input_linear.weight"); // [128, 32]
    expect(values("blk.1.ffn_gate.weight")).toEqual(both.subarray(0, 64 * 32));
    expect(values("blk.1.ffn_up.weight")).toEqual(both.subarray(64 * 32));
    expect(tensors.get("blk.1.ffn_up.weight")!.shape).toEqual([64, 32]);
    expect(metadata.get("granite.rope.scaling.finetuned")?.value).toBe(false);
  });

  test("Apertus's slopes are settings", async () => {
    const model = golden("apertus");
    const { metadata, tensors } = await exported(model);
    for (const slope of ["alpha_n", "alpha_p"]) {
      const layers = [0, 1].map((layer) => weightOf(model, `model.layers.${layer}.mlp.act_fn.${slope}`));
      const values = (await Promise.all(layers)).map(([value]) => value);
      expect(metadata.get(`xielu.${slope}`)).toEqual({ type: "float32s", value: values });
    }
    expect(metadata.get("xielu.beta")?.value).toBe(0.5);
    expect([...tensors.keys()].filter((name) => name.includes("act"))).toEqual([]);
  });

  test("what belongs to a key head of Qwen3-Next comes apart: queries, keys and values, and gates", async () => {
    const model = golden("qwen3-next");
    const { tensors, values } = await exported(model, { type: "f16" });
    const at = "model.layers.0.linear_attn";
    const all = (await weightOf(model, `${at}.in_proj_qkvz.weight`)).map(asHalf); // of 2 heads 16 + 16 + 48 + 48 rows
    const row = (matrix: Float32Array, i: number) => [...matrix.subarray(32 * i, 32 * i + 32)];
    const [mixed, gates] = [values("blk.0.attn_qkv.weight"), values("blk.0.attn_gate.weight")];
    expect(tensors.get("blk.0.attn_qkv.weight")!.shape).toEqual([160, 32]);
    expect(row(mixed, 16 + 3)).toEqual(row(all, 128 + 3));
    expect(row(mixed, 32 + 16 + 5)).toEqual(row(all, 128 + 16 + 5));
    expect(row(mixed, 64 + 48 + 7)).toEqual(row(all, 128 + 32 + 7));
    expect(tensors.get("blk.0.attn_gate.weight")!.shape).toEqual([96, 32]);
    expect(row(gates, 48 + 9)).toEqual(row(all, 128 + 80 + 9));
    const [rate, norm] = [await weightOf(model, `${at}.A_log`), await weightOf(model, `${at}.norm.weight`)];
    expect(values("blk.0.ssm_a")).toEqual(rate.map((value) => -Math.exp(value)));
    expect(values("blk.0.ssm_norm.weight")).toEqual(norm);
    expect(tensors.get("blk.0.ssm_conv1d.weight")).toMatchObject({ type: "F32", shape: [160, 4] });
  });

  test("the value heads of Qwen3.5 take turns", async () => {
    const model = golden("qwen3-5");
    const { metadata, values } = await exported(model);
    const at = "model.layers.1.linear_attn";
    const out = await weightOf(model, `${at}.out_proj.weight`); // [32, 96] of 2 key heads with 3 values of 16 each
    expect(values("blk.1.ssm_out.weight")[5 * 96 + 16 + 7]).toBe(out[5 * 96 + 48 + 7]);
    const [steps, found] = [await weightOf(model, `${at}.dt_bias`), values("blk.1.ssm_dt.bias")];
    expect([...found]).toEqual([0, 3, 1, 4, 2, 5].map((head) => steps[head]));
    const { value: learning } = metadata.get("qwen35.attention.recurrent_layers")!;
    expect(learning).toEqual([0, 1, 1]);
    expect(metadata.get("qwen35.rope.dimension_sections")!.value).toEqual([2, 1, 1, 0]);
  });

  test.each(["qwen3-next", "qwen3-5"])("%s in blocks of 8 and 4 bits", async (name) => {
    const model = golden(name);
    const types = { q8_0: "Q8_0", q4_0: "Q4_0" } as const;
    for (const [type, kept] of Object.entries(types)) {
      const output = at(`${type}.gguf`);
      const { tensors } = await exported(model, { type: type as keyof typeof types, output });
      for (const part of ["attn_qkv", "attn_gate", "ssm_out"])
        expect(tensors.get(`blk.${name === "qwen3-5" ? 1 : 0}.${part}.weight`)!.type).toBe(kept);
    }
  });

  test("Qwen3.5 with its image encoder is its text model", async () => {
    const model = golden("qwen3-5");
    await exportGguf({ model, output: at("text.gguf"), type: "f32" });
    const { tensors } = await readSafetensorsHeader(join(model, "model.safetensors"));
    const deeper = (name: string) => name.replace(/^model\./, "model.language_model.");
    const all = [...tensors.values()].map((entry) => ({ ...copyOf(entry), name: deeper(entry.name) }));
    const text = JSON.parse(readFileSync(join(model, "config.json"), "utf8"));
    const seeing = modelWithTokenizer("families/qwen3_5", at());
    await writeSafetensors(join(seeing, "model.safetensors"), all);
    const config = { ...text, model_type: "qwen3_5", text_config: text };
    writeFileSync(join(seeing, "config.json"), JSON.stringify(config));
    await exportGguf({ model: seeing, output: at("seeing.gguf"), type: "f32" });
    const [own, found] = [await openGguf(at("text.gguf")), await openGguf(at("seeing.gguf"))];
    expect([...found.tensors.keys()]).toEqual([...own.tensors.keys()]);
    for (const name of own.tensors.keys()) expect(found.values(name)).toEqual(own.values(name));
  });

  test("the template, special tokens and padding", async () => {
    const model = golden("qwen2");
    const { metadata } = await exported(model);
    const value = (key: string) => metadata.get(key)?.value;
    expect(value("tokenizer.chat_template")).toBe(readFileSync(join(model, "chat_template.jinja"), "utf8"));
    expect(value("tokenizer.ggml.pre")).toBe("qwen2");
    expect(value("tokenizer.ggml.eos_token_id")).toBe(319);
    expect(value("tokenizer.ggml.add_bos_token")).toBe(false);
    expect((value("tokenizer.ggml.tokens") as string[]).length).toBe(320);
    expect((value("tokenizer.ggml.token_type") as number[])[319]).toBe(3);
  });

  test("another template where one is named, none for a model that only goes on", async () => {
    const model = golden("qwen2");
    const template = (options: Partial<GgufOptions>) =>
      exported(model, options).then(({ metadata }) => metadata.get("tokenizer.chat_template")?.value);
    expect(await template({ template: "none" })).toBeUndefined();
    const file = at("mine.jinja");
    writeFileSync(file, "{{ messages[0].content }}");
    expect(await exportGguf({ model, output: at("b.gguf"), type: "f16", template: file })).toMatchObject({
      architecture: "qwen2",
    });
    expect((await openGguf(at("b.gguf"))).metadata.get("tokenizer.chat_template")?.value).toBe(
      "{{ messages[0].content }}",
    );
  });

  test("rows of the embedding without a token get names of their own", async () => {
    const model = golden("qwen2");
    const file = join(model, "tokenizer.json");
    const json = JSON.parse(readFileSync(file, "utf8"));
    json.added_tokens = json.added_tokens.filter(({ id }: { id: number }) => id !== 318);
    json.added_tokens.find(({ id }: { id: number }) => id === 317).content = "[PAD318]";
    writeFileSync(file, JSON.stringify(json));
    const { metadata } = await exported(model, { template: "none" });
    expect((metadata.get("tokenizer.ggml.tokens")!.value as string[]).slice(317, 319)).toEqual([
      "[PAD318]",
      "[[PAD318]]",
    ]);
    expect((metadata.get("tokenizer.ggml.token_type")!.value as number[]).slice(317)).toEqual([3, 5, 3]);
  });

  test("a buffer that the file lacks is what the model starts with", async () => {
    const model = golden("gemma4");
    const { tensors } = await readSafetensorsHeader(join(model, "model.safetensors"));
    const kept = [...tensors.values()].filter(({ name }) => !name.endsWith("1.layer_scalar"));
    await writeSafetensors(join(model, "model.safetensors"), kept.map(copyOf));
    const { values } = await exported(model);
    expect(values("blk.1.layer_output_scale.weight")).toEqual(Float32Array.of(1));
    expect(values("blk.0.layer_output_scale.weight")[0]).not.toBe(1);
  });

  test("base and adapter are what the merged model is", async () => {
    const [model, adapter] = [golden("llama"), goldenPath("gguf/adapters/llama-rslora-patterns")];
    await mergeAdapter({ model, adapter, output: at("merged", "llama") });
    await exportGguf({ model: at("merged", "llama"), output: at("a.gguf"), type: "q8_0" });
    await exportGguf({ model, adapter, output: at("b.gguf"), type: "q8_0" });
    expect(readFileSync(at("b.gguf")).equals(readFileSync(at("a.gguf")))).toBe(true);
    await exportGguf({ model, output: at("c.gguf"), type: "q8_0" });
    expect(readFileSync(at("b.gguf")).equals(readFileSync(at("c.gguf")))).toBe(false);
  });

  test("an adapter that makes tied ends differ leaves an output layer", async () => {
    const adapter = goldenPath("adapters/qwen2-lora-ends/final");
    const { tensors } = await exported(goldenPath("models/qwen2-tied"), { adapter });
    expect(tensors.get("output.weight")?.shape).toEqual([320, 32]);
  });

  test.each(["nf4", "int8"] as const)(
    "a base quantized to %s becomes what its codes stand for",
    async (type) => {
      const model = golden("gpt2");
      await quantizeModel({ model, output: at("quantized"), quantization: { type } });
      const { values } = await exported(at("quantized"));
      const { tensors } = await openModelDirectory(at("quantized"));
      const weight = await readWeight(tensors.get("transformer.h.0.mlp.c_fc.weight")!); // [128, 32] of codes
      expect(values("blk.0.ffn_up.weight")).toEqual(weight);
    },
  );

  test("a file is the same, however it is made again", async () => {
    const model = golden("qwen2");
    await exportGguf({ model, output: at("a.gguf"), type: "q4_0" });
    await exportGguf({ model, output: at("b.gguf"), type: "q4_0" });
    expect(readFileSync(at("a.gguf")).equals(readFileSync(at("b.gguf")))).toBe(true);
    const { tensors } = await openGguf(at("a.gguf"));
    const types = [...tensors.values()].map(({ name, type }) => `${name.replace(/\d+/, "N")} ${type}`);
    expect(types).toContain("token_embd.weight Q8_0");
    expect(types).toContain("blk.N.ffn_down.weight Q4_0");
    expect(types).toContain("blk.N.attn_norm.weight F32");
  });
});

describe("what llama.cpp can't represent is refused by name, and nothing stays", () => {
  test.each<[string, Changes, RegExp]>([
    [
      "qwen3",
      { use_sliding_window: true, sliding_window: 8, layer_types: null, max_window_layers: 0 },
      /sliding_window: .*got 8/,
    ],
    ["phi3", { sliding_window: 8 }, /sliding_window: .*phi3 without a window/],
    ["mixtral", { sliding_window: 8 }, /sliding_window: /],
    ["starcoder2", { sliding_window: 8 }, /sliding_window: /],
    ["gemma2", { query_pre_attn_scalar: 24 }, /query_pre_attn_scalar: .*expected 16, got 24/],
    ["gemma2", { attn_logit_softcapping: null }, /attn_logit_softcapping: .*got null/],
    ["gemma2", { layer_types: ["sliding_attention", "sliding_attention"], num_hidden_layers: 2 }, /nothing/],
    ["gemma3", { query_pre_attn_scalar: 24 }, /query_pre_attn_scalar: /],
    [
      "gemma3",
      { layer_types: ["full_attention", "sliding_attention", "sliding_attention", "full_attention"] },
      /layer_types: /,
    ],
    [
      "gemma3",
      { tie_word_embeddings: true, hidden_activation: "silu" },
      /hidden_activation: .*gelu; got "silu"|computes gemma3 with gelu/,
    ],
    ["smollm3", { no_rope_layers: [1, 0, 1, 0, 1] }, /no_rope_layers: .*every fourth/],
    ["cohere", { use_qk_norm: true }, /use_qk_norm|q_norm/],
    ["qwen3-moe", { norm_topk_prob: false }, /norm_topk_prob: /],
    ["qwen2-moe", { norm_topk_prob: true }, /norm_topk_prob: .*expected false, got true/],
    ["qwen2-moe", { use_sliding_window: true, sliding_window: 8, layer_types: null }, /sliding_window: /],
    ["olmoe", { clip_qkv: 8 }, /clip_qkv: .*expected null, got 8/],
    ["ernie4-5-moe", { moe_norm_min: 0.5 }, /moe_norm_min: llama\.cpp divides by no less than/],
    ["deepseek-v3", { rms_norm_eps: 1e-5 }, /rms_norm_eps: .*expected 0\.000001, got 0\.00001/],
    [
      "deepseek-v3",
      { rope_parameters: { ...YARN, factor: 1, attention_factor: 2 } },
      /attention_factor: .*expected 1, got 2/,
    ],
    [
      "deepseek-v3",
      { rope_parameters: { rope_type: "linear", factor: 2 } },
      /scales the scores of deepseek2/,
    ],
    [
      "deepseek-v2",
      { topk_method: "group_limited_greedy", n_group: 2, topk_group: 1 },
      /topk_method: .*by the sum of their best two/,
    ],
    [
      "gpt-oss",
      { layer_types: ["full_attention", "sliding_attention"] },
      /layer_types: .*computes gpt-oss with/,
    ],
    ["gpt-oss", { rope_parameters: null }, /truncate: .*set it to true in a copy of the model/],
    ["qwen2", { rope_parameters: { ...YARN, truncate: false } }, /truncate: .*whole dimensions; got false/],
    [
      "qwen2",
      { rope_parameters: { ...YARN, beta_fast: 8 } },
      /beta_fast, beta_slow: .*expected 32, 1, got 8, 1/,
    ],
    ["gpt2", { scale_attn_by_inverse_layer_idx: true }, /scale_attn_by_inverse_layer_idx: /],
    ["apertus", { rope_parameters: { rope_type: "dynamic", factor: 2 } }, /no such rotation for apertus/],
    ["ministral3", { sliding_window: 8 }, /sliding_window: .*mistral3 without a window/],
    [
      "ministral3",
      { original_max_position_embeddings: 16 },
      /original_max_position_embeddings: .*one length.*expected 8, got 16/,
    ],
    ["llama", { hidden_act: "gelu" }, /hidden_act: .*silu/],
    [
      "qwen2",
      { rope_parameters: null, rope_scaling: { rope_type: "dynamic", factor: 2 } },
      /rope_type: .*"dynamic"/,
    ],
    [
      "qwen2",
      {
        rope_parameters: null,
        rope_scaling: {
          rope_type: "llama3",
          factor: 8,
          low_freq_factor: 1,
          high_freq_factor: 4,
          original_max_position_embeddings: 32,
        },
      },
      /no such rotation for qwen2; got "llama3"/,
    ],
    ["llama", { max_position_embeddings: null }, /max_position_embeddings: is missing/],
  ])("%s with %j", async (name, changes, expected) => {
    expect(await refusal(changed(name, changes))).toMatch(expected);
    expect(leftovers().filter((file) => file !== "out.gguf")).toEqual([]);
  });

  test.each([
    ["lfm2", /conv_bias: llama\.cpp's convolutions have no bias/],
    ["qwen3_next", /linear_value_head_dim: .*expected 8, got 6\n.*mlp_only_layers: /],
    ["qwen3_5", /text_config\.linear_value_head_dim: .*expected 8, got 6/],
  ])("the family %s", async (name, expected) => {
    expect(await refusal(modelWithTokenizer(`families/${name}`, at()))).toMatch(expected);
  });

  test.each([
    ["exaone4", /sliding_window: .*64 layers, and this model has 2/],
    ["stablelm", /qk_layernorm: .*without a norm of each head's own/],
    ["phi", /qk_layernorm: /],
    ["falcon-serial", /bias: .*\n.*parallel_attn: /],
    ["deepseek_v2-groups", /attention_bias: .*\n.*mlp_bias: .*\n.*topk_method: /],
    ["deepseek_v3", /attention_bias: .*expected false, got true/],
    ["helium", /model_type: .*llama\.cpp has no architecture for it.*got helium/],
    ["ministral", /model_type: .*without windows/],
    ["gemma3", /query_pre_attn_scalar: .*scores of gemma3/],
  ])("the family %s as it is here", async (name, expected) => {
    expect(await refusal(modelWithTokenizer(`families/${name}`, at()))).toMatch(expected);
    expect(leftovers()).toEqual([]);
  });

  test("a model that llama.cpp takes for DeepSeek's smaller ones, which have no rank of queries", () => {
    const config = JSON.parse(readFileSync(goldenPath("gguf/models/deepseek-v3/config.json"), "utf8"));
    const describe = (changes: Changes) => {
      const own = { ...config, ...changes };
      return describeForLlama(own, readModel(own), "model").metadata.get("attention.q_lora_rank")?.value;
    };
    expect(() => describe({ num_hidden_layers: 27 })).toThrow(
      /q_lora_rank: .*of 27 layers without it; expected null, got 32/,
    );
    expect(describe({ num_hidden_layers: 27, q_lora_rank: null })).toBe(0);
    expect(describe({ num_hidden_layers: 28 })).toBe(32);
  });

  test("a parameter without a place", async () => {
    const model = changed("smollm3", { mlp_bias: true });
    const { tensors } = await readSafetensorsHeader(join(model, "model.safetensors"));
    const biases = Array.from({ length: 5 }, (_, layer) =>
      Object.entries({ gate_proj: 64, up_proj: 64, down_proj: 32 }).map(([module, size]) => ({
        name: `model.layers.${layer}.mlp.${module}.bias`,
        dtype: "F32" as const,
        shape: [size],
        data: () => new Float32Array(size),
      })),
    );
    await writeSafetensors(join(model, "model.safetensors"), [
      ...[...tensors.values()].map(copyOf),
      ...biases.flat(),
    ]);
    expect(await refusal(model)).toMatch(
      /llama\.cpp's smollm3 has no place for\n {2}model\.layers\.0\.mlp\.gate_proj\.bias/,
    );
  });

  test("an output layer that gemma2 would have to share", async () => {
    const model = changed("gemma2", { tie_word_embeddings: false });
    const { tensors } = await readSafetensorsHeader(join(model, "model.safetensors"));
    const embedding = copyOf(tensors.get("model.embed_tokens.weight")!);
    const all = [...[...tensors.values()].map(copyOf), { ...embedding, name: "lm_head.weight" }];
    await writeSafetensors(join(model, "model.safetensors"), all);
    expect(await refusal(model)).toMatch(/gemma2 has no place for\n {2}lm_head\.weight/);
  });

  test("rows that aren't whole blocks", async () => {
    expect(await refusal(goldenPath("models/llama-bf16"), { type: "q8_0" })).toMatch(
      /--type: q8_0 keeps blocks of 32 numbers .*Take --type f16, bf16 or f32\.\n {2}token_embd\.weight: rows of 48/,
    );
  });

  test.each<[string, Changes, RegExp]>([
    [
      "a pre-tokenizer without a name",
      { pre_tokenizer: { type: "ByteLevel", add_prefix_space: true, use_regex: true } },
      /tokenizer\.json: pre_tokenizer: llama\.cpp would cut texts otherwise .*under a name/,
    ],
    [
      "a normalizer",
      { normalizer: { type: "Lowercase" } },
      /tokenizer\.json: normalizer: .*expected none, or NFC/,
    ],
    [
      "pieces without bytes",
      { pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme: "first" } },
      /tokenizer\.json: model\.byte_fallback: /,
    ],
  ])("%s", async (_, changes, expected) => {
    expect(await refusal(changed("qwen2", changes, "tokenizer.json"))).toMatch(expected);
    expect(leftovers()).toEqual([]);
  });

  test("no end of text", async () => {
    const model = changed("granite", { eos_token_id: null });
    writeFileSync(join(model, "tokenizer_config.json"), "{}");
    const { metadata } = await exported(model, { output: at("talks.gguf") });
    expect(metadata.get("tokenizer.ggml.eos_token_id")?.value).toBe(319); // what its template ends answers with
    expect(await refusal(model, { template: "none" })).toMatch(
      /tokenizer_config\.json: eos_token: .*names no token that ends a text/,
    );
  });
});

describe("files and disks", () => {
  test("an output that exists, a link to nowhere too", async () => {
    const model = golden("qwen2");
    writeFileSync(at("out.gguf"), "mine");
    expect(await refusal(model)).toMatch(
      /out\.gguf: already exists\. Choose another name, or remove it first\./,
    );
    expect(readFileSync(at("out.gguf"), "utf8")).toBe("mine");
    symlinkSync(at("nowhere"), at("link.gguf"));
    expect(await refusal(model, { output: at("link.gguf") })).toMatch(/link\.gguf: already exists/);
  });

  test("a full disk in the middle", async () => {
    const model = golden("qwen2");
    const output = at("full.gguf");
    const source = `
      import { exportGguf } from "attune";
      await exportGguf(${JSON.stringify({ model, output, type: "f32" })}).then(
        () => console.log("written"), (error) => console.log(error.code, error.message));`;
    expect(await outputOf(startChild(at(), source, 64))).toMatch(
      /^files\.cannot-write Cannot write .*full\.gguf: the file would be larger than .*\(EFBIG\)/,
    );
    expect(leftovers()).toEqual([]);
  });

  test.each([
    ["NaN", Number.NaN, "f32", /is NaN at \[3, 5\], and nothing can be computed from that/],
    [
      "a number beyond float16",
      1e6,
      "f16",
      /is 1000000 at \[3, 5\], and f16 can't hold that\. Take --type bf16 or f32/,
    ],
  ] as const)("%s in a weight", async (_, value, type, expected) => {
    const model = golden("qwen2");
    const { tensors } = await readSafetensorsHeader(join(model, "model.safetensors"));
    const name = "model.layers.1.mlp.up_proj.weight";
    const data = await readTensor(tensors.get(name)!);
    data[3 * 32 + 5] = value;
    const others = [...tensors.values()].filter((entry) => entry.name !== name).map(copyOf);
    const spoiled = { name, dtype: "F32" as const, shape: [64, 32], data: () => data };
    await writeSafetensors(join(model, "model.safetensors"), [...others, spoiled]);
    const message = await refusal(model, { type });
    expect(message).toMatch(expected);
    expect(message).toContain("blk.1.ffn_up.weight");
    expect(leftovers()).toEqual([]);
  });

  test("an adapter of another model", async () => {
    const adapter = goldenPath("gguf/adapters/gpt2-lora");
    const message = await exported(golden("qwen2"), { adapter }).catch((error: Error) => error.message);
    expect(message).toMatch(/does not fit the model/);
    expect(existsSync(at("out.gguf"))).toBe(false);
  });

  test("a weight that changes while it is written is noticed", async () => {
    const model = golden("qwen2");
    const other = golden("granite");
    let isFirst = true;
    const swap = () => {
      if (isFirst) cpSync(join(other, "model.safetensors"), join(model, "model.safetensors"));
      isFirst = false;
    };
    const message = await exported(model, { onBytes: swap }).catch((error: Error) => error.message);
    expect(message).toMatch(/Nothing was kept|ends at byte/);
    expect(leftovers()).toEqual([]);
  });
});
