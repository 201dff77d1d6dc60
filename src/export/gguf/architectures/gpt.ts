/** GPT-2 and GPT-NeoX: q, k and v in one projection, layer norms, biases everywhere. */
import { parseFields } from "../../../models/config.ts";
import { gptNeoxFields } from "../../../models/families/gpt_neox.ts";
import { gpt2 as gpt2Family, gpt2Fields } from "../../../models/families/gpt2.ts";
import { withoutAliases } from "../../../models/families.ts";
import { headSizes } from "../../../models/layers.ts";
import { ropeParameters } from "../../../models/rope_config.ts";
import { flagValue } from "../gguf_header.ts";
import {
  type Architecture,
  newDescription,
  type RowOrder,
  requireActivation,
  setAll,
  setLayerNorm,
  setSizes,
} from "./description.ts";
import { setRope } from "./rope.ts";

const BIASES = ["attn_norm", "attn_qkv", "attn_output", "ffn_norm", "ffn_up", "ffn_down"];

const GPT2_BLOCK = {
  ln_1: "attn_norm",
  "attn.c_attn": "attn_qkv",
  "attn.c_proj": "attn_output",
  ln_2: "ffn_norm",
  "mlp.c_fc": "ffn_up",
  "mlp.c_proj": "ffn_down",
};

export const gpt2: Architecture = {
  modelType: "gpt2",
  describe(config) {
    const c = parseFields("", gpt2Fields, withoutAliases(config, gpt2Family));
    const sizes = {
      vocab_size: c.vocab_size,
      hidden_size: c.n_embd,
      intermediate_size: c.n_inner ?? 4 * c.n_embd,
      num_hidden_layers: c.n_layer,
      num_attention_heads: c.n_head,
      max_position_embeddings: c.n_positions,
    };
    const to = newDescription({ name: "gpt2", modules: GPT2_BLOCK, biases: BIASES });
    setSizes(to, sizes, headSizes(sizes, 1));
    setLayerNorm(to, c.layer_norm_epsilon);
    requireActivation(to, "activation_function", c.activation_function, "gelu");
    for (const [key, value, wanted] of [
      ["scale_attn_weights", c.scale_attn_weights, true],
      ["scale_attn_by_inverse_layer_idx", c.scale_attn_by_inverse_layer_idx, false],
    ] as const)
      if (value !== wanted)
        to.faults.push({
          place: key,
          problem: "llama.cpp scales the scores of gpt2 by the size of a head alone",
          expected: String(wanted),
          got: String(value),
        });
    return to;
  },
};

const NEOX_BLOCK = {
  input_layernorm: "attn_norm",
  "attention.query_key_value": "attn_qkv",
  "attention.dense": "attn_output",
  post_attention_layernorm: "ffn_norm",
  "mlp.dense_h_to_4h": "ffn_up",
  "mlp.dense_4h_to_h": "ffn_down",
};

export const gptNeox: Architecture = {
  modelType: "gpt_neox",
  describe(config) {
    const c = parseFields("", gptNeoxFields, config);
    const heads = headSizes({ hidden_size: c.hidden_size, num_attention_heads: c.num_attention_heads });
    const orders = { attn_qkv: apartFromInterleaved(heads.K, heads.E) };
    const to = newDescription({
      name: "gptneox",
      modules: NEOX_BLOCK,
      biases: BIASES,
      orders,
      head: "required",
    });
    const spelled = { ...c, rope_theta: undefined, partial_rotary_factor: undefined }; // as the family reads them
    setSizes(to, c, heads);
    setLayerNorm(to, c.layer_norm_eps);
    setRope(to, ropeParameters(spelled, { theta: c.rotary_emb_base, rotated: c.rotary_pct }), { E: heads.E });
    setAll(to, { use_parallel_residual: flagValue(c.use_parallel_residual) });
    requireActivation(to, "hidden_act", c.hidden_act, "gelu");
    if (!c.attention_bias)
      for (let layer = 0; layer < c.num_hidden_layers; layer++) {
        zeroBias(to.extras, `blk.${layer}.attn_qkv`, 3 * c.hidden_size);
        zeroBias(to.extras, `blk.${layer}.attn_output`, c.hidden_size);
      }
    return to;
  },
};

/** A bias that llama.cpp wants to have. */
export function zeroBias(
  extras: Map<string, { shape: readonly number[]; values: Float32Array }>,
  module: string,
  size: number,
): void {
  extras.set(`${module}.bias`, { shape: [size], values: new Float32Array(size) });
}

/** All queries, all keys, all values, where the checkpoint has each head's query, key and value side by side. */
function apartFromInterleaved(heads: number, E: number): RowOrder {
  return (row) => {
    const [part, within] = [Math.floor(row / (heads * E)), row % (heads * E)];
    const head = Math.floor(within / E);
    return head * 3 * E + part * E + (within % E);
  };
}
