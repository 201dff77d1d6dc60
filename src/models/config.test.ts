import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { goldenPath } from "../testing/goldens.ts";
import { AttuneError } from "../text/errors.ts";
import { readModel } from "./families.ts";
import { modelLayout } from "./layout.ts";
import { ropeParameters } from "./rope_config.ts";
import { rowPass } from "./row_pass.ts";

const configOf = (name: string) => JSON.parse(readFileSync(goldenPath(`models/${name}/config.json`), "utf8"));
const llama = configOf("llama-gqa");

function refusal(config: object): string {
  try {
    modelLayout(readModel(config as Record<string, unknown>));
  } catch (error) {
    expect(error).toBeInstanceOf(AttuneError);
    return (error as Error).message;
  }
  return "read";
}

describe("what attune cannot compute is named", () => {
  test.each<[object, string]>([
    [{ model_type: "gpt9" }, "config.json: model_type: expected llama, mistral, "],
    [{ model_type: undefined }, ", got nothing"],
    [{ model_type: "toString" }, "config.json: model_type: expected llama, mistral, "],
    [{ hidden_act: "relu6" }, "  hidden_act: expected silu, swish, "],
    [{ hidden_act: "relu6" }, 'got "relu6"'],
    [{ vocab_size: undefined }, "  vocab_size: missing; expected a number"],
    [{ hidden_size: 2.5 }, "  hidden_size: expected a whole number, got 2.5"],
    [{ num_hidden_layers: -1 }, "  num_hidden_layers: expected a number above 0, got -1"],
    [
      { num_key_value_heads: 3 },
      "  num_key_value_heads: expected a divisor of num_attention_heads, 4, got 3",
    ],
    [
      { head_dim: 7 },
      "  head_dim: expected an even number, since rotary embedding pairs a head's halves, got 7",
    ],
    [
      { head_dim: null, num_attention_heads: 6, num_key_value_heads: 6 },
      "  head_dim (hidden_size / num_attention_heads): expected an even number, ",
    ],
    [
      { rope_parameters: { rope_type: "axial", rope_theta: 1e4 } },
      '  rope_parameters.rope_type: expected one of default, linear, proportional, dynamic, llama3, yarn, longrope, got "axial"',
    ],
    [
      { rope_parameters: undefined, rope_scaling: { type: "su", factor: 2 } },
      "  rope_scaling.type: expected one of default, linear, ",
    ],
    [{ rope_parameters: { rope_type: "linear" } }, "  rope_parameters.factor: missing; expected a number"],
    [
      { rope_parameters: { rope_type: "dynamic", factor: 2 }, max_position_embeddings: undefined },
      '  max_position_embeddings: is missing; rope_parameters has rope_type "dynamic", which needs it',
    ],
    [
      { rope_parameters: { rope_type: "longrope", short_factor: [1] } },
      "  rope_parameters.long_factor: missing; expected a list",
    ],
    [{ partial_rotary_factor: 0.5 }, "read"], // transformers leaves it out, too
    [
      { partial_rotary_factor: 0.5, rope_scaling: { type: "linear", factor: 2 } },
      '  partial_rotary_factor: with rope_type "linear" this family rotates whole heads; got 0.5',
    ],
    [
      { rope_parameters: { full_attention: { rope_theta: 1e4 } } },
      "  rope_parameters.full_attention: this family has one rotation for all layers. Write its keys",
    ],
    [{ rope_scaling: { rope_type: null, factor: 2 } }, "  rope_scaling.rope_type: expected one of default, "],
    [
      { is_causal: false },
      "  is_causal: attune's attention is causal: a token sees itself and what is before it",
    ],
    [{ is_causal: null }, "  is_causal: attune's attention is causal"],
    [{ is_causal: true }, "read"],
    [
      { per_layer_config: { 0: { num_attention_heads: 2 } } },
      "  per_layer_config: attune computes layers of one",
    ],
    [{ per_layer_config: {} }, "read"],
    [{ rms_norm_eps: 0, initializer_range: 0 }, "read"],
    [{ num_hidden_layers: 1e9 }, "  num_hidden_layers: expected a number of at most 10000, got 1000000000"],
    [{ head_dim: 1e8 }, "  head_dim: expected a number of at most 65536, got 100000000"],
    [
      { rope_parameters: { rope_theta: "1e4" } },
      '  rope_parameters.rope_theta: expected a number, got "1e4"',
    ],
    [{ rope_parameters: undefined, rope_theta: 0 }, "  rope_theta: expected a number above 0, got 0"],
  ])("%j", (change, message) => {
    expect(refusal({ ...llama, ...change })).toContain(message);
  });

  test("all of it at once", () => {
    const lines = refusal({ ...llama, vocab_size: 0, hidden_act: "x", rms_norm_eps: "y" }).split("\n");
    expect(lines[0]).toBe("config.json: attune does not compute this model");
    expect(lines.slice(1).map((line) => line.trim().split(":")[0])).toEqual([
      "vocab_size",
      "hidden_act",
      "rms_norm_eps",
    ]);
  });
});

describe("what a family cannot compute is named", () => {
  test.each<[string, object, string]>([
    [
      "gemma",
      { use_bidirectional_attention: true },
      "use_bidirectional_attention: attune's attention looks back",
    ],
    [
      "gemma2",
      { layer_types: ["chunked_attention"] },
      "  layer_types.0: expected full_attention, sliding_attention",
    ],
    [
      "gemma2",
      { layer_types: ["full_attention"] },
      "  layer_types: expected 2 entries, as num_hidden_layers says, got 1",
    ],
    [
      "gemma3_text",
      { attn_logit_softcapping: 50 },
      "attn_logit_softcapping: Gemma 3 is computed without a bound",
    ],
    ["gemma3_text", { rope_parameters: { rope_theta: 1e4 } }, "  rope_parameters.rope_theta: unknown key"],
    ["gpt2", { add_cross_attention: true }, "add_cross_attention: attune computes decoders alone"],
    ["gpt2", { activation_function: "mish" }, "activation_function: expected silu, "],
    ["gpt_neox", { rope_parameters: { partial_rotary_factor: 0.1 } }, "got 0.1 of head_dim 8, which is 0"],
    ["phi3-longrope", { partial_rotary_factor: 1, rope_parameters: null }, "read"],
    ["qwen3_moe", { num_local_experts: undefined }, "  num_experts: is missing"],
    ["qwen3", { sliding_window: 0, use_sliding_window: false }, "read"],
    ["qwen3", { sliding_window: 0 }, "  sliding_window: expected a number above 0, got 0"],
    ["qwen3_moe", { sliding_window: 0, use_sliding_window: false }, "read"],
    [
      "qwen3_moe",
      { sliding_window: 0, use_sliding_window: true },
      "  sliding_window: expected a number above 0",
    ],
    ["gpt_neox", { head_dim: 4 }, "  head_dim: expected 8, hidden_size / num_attention_heads, got 4"],
    [
      "smollm3",
      { no_rope_layers: [1] },
      "  no_rope_layers: expected 2 entries, as num_hidden_layers says, got 1",
    ],
    ["smollm3", { no_rope_layers: [1, 2] }, "  no_rope_layers.1: expected 0 or 1, got 2"],
    ["falcon", { alibi: true }, "  alibi: attune computes Falcon with rotated positions, not with ALiBi"],
    [
      "granitemoehybrid",
      { num_local_experts: 8 },
      "  num_local_experts: attune computes this family without",
    ],
    [
      "granitemoehybrid",
      { layer_types: ["mamba", "attention"] },
      "  layer_types.0: attune does not compute Mamba",
    ],
    [
      "granitemoehybrid",
      { layer_types: null },
      "  layer_types: attune does not compute Mamba layers, which all are",
    ],
    ["granitemoehybrid", { layer_types: ["attention"] }, "  layer_types: expected 2 entries"],
    ["apertus", { hidden_act: "silu" }, "  hidden_act: "],
    [
      "exaone4",
      { layer_types: null, sliding_window_pattern: "LLLG" },
      "  layer_types: is missing, and tells",
    ],
    [
      "ministral3",
      { rope_scaling: { rope_type: "default" } },
      "  rope_scaling.llama_4_scaling_beta: missing",
    ],
    [
      "mistral3",
      { text_config: { model_type: "qwen2" } },
      "  text_config.model_type: expected mistral or ministral3",
    ],
    ["mistral3", { text_config: undefined }, "  text_config: missing"],
    ["mistral3", { text_config: {} }, "  text_config.vocab_size: missing; expected a number"],
    [
      "gemma3",
      { text_config: { layer_types: ["full_attention"] } },
      "  text_config.layer_types: expected 26 entries",
    ],
    [
      "gemma3",
      { text_config: { is_causal: false } },
      "  text_config.is_causal: attune's attention is causal",
    ],
    ["gemma3", { text_config: {} }, "read"],
    [
      "gemma4_text",
      { per_layer_config: { 1: { sliding_window: 4 } } },
      "  per_layer_config.1.sliding_window: ",
    ],
    [
      "gemma4_text",
      { vocab_size_per_layer_input: 300 },
      "  vocab_size_per_layer_input: expected at least vocab_size, 320, got 300",
    ],
    [
      "gemma4_text",
      { use_bidirectional_attention: "all" },
      "  use_bidirectional_attention: attune's attention of",
    ],
    [
      "gemma4_text",
      { rope_scaling: { rope_type: "linear", factor: 2 } },
      "  rope_scaling: Gemma 4 has rope_param",
    ],
    ["gemma4_text", { num_kv_shared_layers: 4 }, "  num_kv_shared_layers: layer 0 has no layer of its kind"],
    ["gemma4_text", { num_kv_shared_layers: 3 }, "  num_kv_shared_layers: layer 1 has no layer of its kind"],
    [
      "gemma4_text-experts",
      { top_k_experts: null },
      "  top_k_experts: is missing; enable_moe_block needs it",
    ],
    [
      "gemma3n_text",
      { altup_active_idx: 3 },
      "  altup_active_idx: expected a number below altup_num_inputs, 3",
    ],
    [
      "gemma3n_text",
      { intermediate_size: [24] },
      "  intermediate_size: expected 4 entries, as num_hidden_layers",
    ],
    ["gemma3n_text", { activation_sparsity_pattern: [0, 0, 0, 1] }, "  activation_sparsity_pattern.3: "],
    ["gemma3n_text", { num_kv_shared_layers: 15 }, "read"], // of fewer layers none share
  ])("%s %j", (name, change, message) => {
    const config = JSON.parse(readFileSync(goldenPath(`families/${name}/config.json`), "utf8"));
    expect(refusal({ ...config, ...change })).toContain(message);
  });

  test("factors of another number than rotated pairs", () => {
    const path = goldenPath("families/phi3-longrope/config.json");
    const config = JSON.parse(readFileSync(path, "utf8"));
    config.rope_parameters.long_factor = [1, 2];
    expect(refusal(config)).toBe(
      "config.json: attune does not compute this model\n  long_factor: expected 3 entries, got 2",
    );
  });
});

describe("rotary parameters", () => {
  const llama3 = {
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 32,
  };
  const read3 = {
    type: "llama3",
    factor: 8,
    lowFrequencyFactor: 1,
    highFrequencyFactor: 4,
    originalMaxPositions: 32,
  };
  test.each([
    [{}, { type: "default", theta: 1e4 }],
    [{ rope_theta: 5e5 }, { type: "default", theta: 5e5 }],
    [
      { rope_theta: 5e5, rope_scaling: null },
      { type: "default", theta: 5e5 },
    ],
    [{ rope_parameters: { rope_theta: 5e5, rope_type: "default" } }, { type: "default", theta: 5e5 }],
    [
      { rope_theta: 1e6, rope_scaling: { type: "linear", factor: 4 } },
      { type: "linear", theta: 1e6, factor: 4 },
    ],
    [
      { rope_parameters: { rope_theta: 1e6, rope_type: "linear", factor: 4 } },
      { type: "linear", theta: 1e6, factor: 4 },
    ],
    [
      { rope_theta: 5e5, rope_scaling: { rope_type: "llama3", ...llama3 } },
      { ...read3, theta: 5e5 },
    ],
    [{ rope_parameters: { rope_theta: 5e5, rope_type: "llama3", ...llama3 } }, { ...read3, theta: 5e5 }],
    [
      { max_position_embeddings: 64, rope_scaling: { type: "dynamic", factor: 2 } },
      { type: "dynamic", theta: 1e4, factor: 2, maxPositions: 64 },
    ],
    [
      { max_position_embeddings: 64, rope_scaling: { type: "yarn", original_max_position_embeddings: 16 } },
      {
        type: "yarn",
        theta: 1e4,
        factor: 4,
        betaFast: 32,
        betaSlow: 1,
        truncate: true,
        originalMaxPositions: 16,
        attentionFactor: 0.1 * Math.log(4) + 1,
      },
    ],
    [
      {
        max_position_embeddings: 64,
        original_max_position_embeddings: 16,
        rope_scaling: { type: "longrope", short_factor: [1], long_factor: [2] },
      },
      {
        type: "longrope",
        theta: 1e4,
        shortFactors: [1],
        longFactors: [2],
        originalMaxPositions: 16,
        attentionFactor: Math.sqrt(1.5),
      },
    ],
  ])("%j", (config, expected) => {
    expect(ropeParameters(config)).toEqual({ ...expected, rotated: 1 });
  });
});

describe("what config.json leaves out has the family's own default", () => {
  /** The attention window of each layer, and the number of key/value heads. */
  function attentionOf(config: Record<string, unknown>) {
    const model = readModel(config);
    const windows: (number | undefined)[] = [];
    const pass = rowPass();
    const { parameters } = modelLayout({
      ...model,
      decode: (scope) =>
        model.decode(scope, {
          ...pass,
          attend: (layer, q, k, v, options) => {
            windows[layer] = options.window;
            return pass.attend(layer, q, k, v, options);
          },
        }),
    });
    const [keys] = parameters.get("model.layers.0.self_attn.k_proj.weight")!;
    return { windows, keyValueHeads: keys! / model.dimensions.headDim };
  }
  const without = (config: Record<string, unknown>, ...keys: string[]) =>
    Object.fromEntries(Object.entries(config).filter(([key]) => !keys.includes(key)));

  test("mistral: 8 key/value heads and a window of 4096; null is as many as heads, and none", () => {
    const config = { ...configOf("mistral-window"), num_attention_heads: 16, num_key_value_heads: 2 };
    expect(attentionOf(config)).toEqual({ windows: [8, 8], keyValueHeads: 2 });
    const bare = attentionOf(without(config, "num_key_value_heads", "sliding_window"));
    expect(bare).toEqual({ windows: [4096, 4096], keyValueHeads: 8 });
    const none = attentionOf({ ...config, num_key_value_heads: null, sliding_window: null });
    expect(none).toEqual({ windows: [undefined, undefined], keyValueHeads: 16 });
  });

  test("llama: as many key/value heads as heads", () => {
    expect(attentionOf(without(llama, "num_key_value_heads")).keyValueHeads).toBe(4);
  });

  test("qwen2 slides where layer_types say so, or from max_window_layers on, and only if told to", () => {
    const config = {
      ...without(configOf("qwen2-tied"), "layer_types"),
      num_hidden_layers: 3,
      sliding_window: 9,
    };
    const types = ["sliding_attention", "full_attention", "sliding_attention"];
    const windows = (changes: object) => attentionOf({ ...config, ...changes }).windows;
    const [on, off] = [9, undefined];
    expect(windows({ use_sliding_window: false, layer_types: types })).toEqual([off, off, off]);
    expect(windows({ use_sliding_window: true, layer_types: types })).toEqual([on, off, on]);
    expect(windows({ use_sliding_window: true, max_window_layers: 1 })).toEqual([off, on, on]);
  });
});
