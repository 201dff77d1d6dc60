import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../../files/testing/temporary_directory.ts";
import { readModel } from "../../../models/families.ts";
import { goldenPath } from "../../../testing/goldens.ts";
import { openGguf } from "../../testing/gguf_file.ts";
import { modelWithTokenizer } from "../../testing/llama_cases.ts";
import { exportGguf } from "../export_gguf.ts";
import { FILE_TYPES, planTensors } from "../tensor_plan.ts";
import { describeForLlama } from "./architectures.ts";

const at = temporaryDirectory();
type Changes = Record<string, unknown>;
const [SLIDES, FULL] = ["sliding_attention", "full_attention"];

function read(changes: Changes = {}) {
  const config = JSON.parse(readFileSync(goldenPath("gguf/models/gemma3n/config.json"), "utf8"));
  const changed = { ...config, ...changes };
  const model = readModel(changed);
  return { model, description: describeForLlama(changed, model, "model") };
}

const DEEP = {
  num_hidden_layers: 22,
  layer_types: null,
  num_kv_shared_layers: 2,
  intermediate_size: 512,
  activation_sparsity_pattern: [...Array(10).fill(0.95), ...Array(12).fill(0)],
};

describe("Gemma 3n", () => {
  test("layers that share keys and values have some all the same", () => {
    const { model, description } = read(DEEP);
    const shapes = new Map(
      planTensors(model, description, FILE_TYPES.f16).map(({ name, ...rest }) => [name, rest]),
    );
    expect(shapes.get("blk.21.attn_v.weight")).toMatchObject({ shape: [32, 32], type: "F16" });
    expect(shapes.get("blk.21.attn_k_norm.weight")).toMatchObject({ shape: [16], type: "F32" });
    expect(description.metadata.get("attention.shared_kv_layers")?.value).toBe(2);
    expect(description.metadata.has("attention.sliding_window_pattern")).toBe(false); // five is usual
  });

  test("a token without a row of the second embedding has the first one's", async () => {
    const model = modelWithTokenizer("gguf/models/gemma3n", at());
    await exportGguf({ model, output: at("out.gguf"), type: "q8_0" });
    const { tensors, values } = await openGguf(at("out.gguf"));
    const rows = values("per_layer_token_embd.weight");
    expect(tensors.get("per_layer_token_embd.weight")!.shape).toEqual([320, 512]);
    const row = (i: number) => rows.subarray(512 * i, 512 * (i + 1));
    for (const token of [300, 319]) expect(row(token)).toEqual(row(0));
    expect(row(299)).not.toEqual(row(0));
  });

  test("what holds the streams together stays in floats", async () => {
    const { model, description } = read();
    const types = Object.fromEntries(
      planTensors(model, description, FILE_TYPES.q4_0).map(({ name, type }) => [name, type]),
    );
    expect(types).toMatchObject({
      "altup_proj.weight": "F16",
      "blk.0.laurel_l.weight": "F16",
      "per_layer_model_proj.weight": "F16",
      "blk.1.altup_predict_coef.weight": "F32",
      "blk.1.altup_router.weight": "F32",
      "blk.1.ffn_up.weight": "Q4_0",
      "per_layer_token_embd.weight": "Q4_0",
    });
  });

  test.each<[Changes, RegExp]>([
    [{ altup_num_inputs: 3 }, /altup_num_inputs: .*expected 4, got 3/],
    [{ altup_active_idx: 1 }, /altup_active_idx: .*expected 0, got 1/],
    [{ altup_correct_scale: false }, /altup_correct_scale: .*expected true, got false/],
    [{ laurel_rank: 32 }, /laurel_rank: .*expected 64, got 32/],
    [{ hidden_size_per_layer_input: 128 }, /hidden_size_per_layer_input: .*expected 256, got 128/],
    [{ final_logit_softcapping: null }, /final_logit_softcapping: .*expected 30, got null/],
    [{ intermediate_size: [512, 256] }, /intermediate_size: .*got \[512,256\]/],
    [{ activation_sparsity_pattern: [0.95, 0] }, /activation_sparsity_pattern: .*got \[0\.95,0\]/],
    [{ vocab_size_per_layer_input: 321 }, /vocab_size_per_layer_input: .*at most vocab_size, 320.*got 321/],
    [{ ...DEEP, num_kv_shared_layers: 3 }, /num_kv_shared_layers: .*expected 2, got 3/],
    [
      { ...DEEP, layer_types: Array.from({ length: 22 }, (_, i) => (i % 3 === 2 ? FULL : SLIDES)) },
      /layer_types: llama\.cpp's layers from 20 on read keys and values of layer 18 under a window/,
    ],
    [
      { rope_parameters: { [SLIDES!]: { rope_type: "linear", factor: 2 } } },
      /rope_parameters\.sliding_attention\.rope_type: .*got "linear"/,
    ],
    [{ hidden_activation: "silu" }, /hidden_activation: llama\.cpp computes gemma3n with gelu/],
  ])("%j is refused by name", (changes, expected) => {
    expect(() => read(changes)).toThrow(expected);
  });
});
