/** Families most of whose layers learn by a gated delta rule. */
import { parseFields } from "../../../models/config.ts";
import { attends, attentionInterval, type DeltaFields, deltaFields } from "../../../models/delta_decoder.ts";
import { qwen3NextFields } from "../../../models/families/qwen3_next.ts";
import { headSizes } from "../../../models/layers.ts";
import { ropeParameters } from "../../../models/rope_config.ts";
import { i32s, u32 } from "../gguf_header.ts";
import {
  type Architecture,
  type Description,
  HEAD_NORMS,
  LLAMA_ATTENTION,
  LLAMA_MLP,
  newDescription,
  type RowOrder,
  setAll,
} from "./description.ts";
import { setLlamaLike } from "./llama_like.ts";
import { EXPERTS, requireAll, setExperts, sharedExpert } from "./mixtures.ts";

const BLOCK = {
  ...LLAMA_ATTENTION,
  ...HEAD_NORMS,
  post_attention_layernorm: "post_attention_norm",
  "linear_attn.conv1d": "ssm_conv1d",
  "linear_attn.dt_bias": "ssm_dt.bias",
  "linear_attn.A_log": "ssm_a",
  "linear_attn.norm": "ssm_norm",
  "linear_attn.out_proj": "ssm_out",
};

/** Files have the logarithm of the rate at which a head forgets. */
const COMPUTED = { ssm_a: (value: number) => -Math.exp(value) };

interface DeltaSizes {
  /** Key heads, value heads of each, and the size of both. */
  H: number;
  G: number;
  E: number;
}

const deltaSizes = (c: DeltaFields): DeltaSizes => ({
  H: c.linear_num_key_heads,
  G: c.linear_num_value_heads / c.linear_num_key_heads,
  E: c.linear_key_head_dim,
});

/** All that belongs to a key head lies side by side in the checkpoint: queries, keys, values and gates. */
export const qwen3Next: Architecture = {
  modelType: "qwen3_next",
  describe(config) {
    const c = parseFields("", qwen3NextFields, config);
    const { H, G, E } = deltaSizes(c);
    const take = (from: number, width: number): RowOrder => {
      return (row) => Math.floor(row / width) * (2 + 2 * G) * E + from + (row % width);
    };
    const [queries, keys, values] = [take(0, E), take(E, E), take(2 * E, G * E)];
    const mixed: RowOrder = (row) =>
      row < H * E ? queries(row) : row < 2 * H * E ? keys(row - H * E) : values(row - 2 * H * E);
    const to = newDescription({
      name: "qwen3next",
      modules: {
        ...BLOCK,
        "linear_attn.in_proj_qkvz": "attn_qkv",
        "linear_attn.in_proj_ba": "ssm_ba",
        ...EXPERTS,
        ...sharedExpert("shared_expert"),
        "mlp.shared_expert_gate": "ffn_gate_inp_shexp",
      },
      parts: {
        attn_qkv: [
          { module: "attn_qkv", rows: H * (2 + G) * E, order: mixed },
          { module: "attn_gate", rows: H * G * E, order: take((2 + G) * E, G * E) },
        ],
      },
      computed: COMPUTED,
    });
    setDelta(to, c);
    setExperts(to, c.num_experts, c.num_experts_per_tok);
    setAll(to, {
      expert_feed_forward_length: u32(c.moe_intermediate_size),
      expert_shared_feed_forward_length: u32(c.shared_expert_intermediate_size),
    });
    requireAll(to, {
      norm_topk_prob: [c.norm_topk_prob, true],
      decoder_sparse_step: [c.decoder_sparse_step, 1],
      mlp_only_layers: [c.mlp_only_layers ?? [], []],
    });
    if (c.num_experts === 0)
      to.faults.push({
        place: "num_experts",
        problem: "llama.cpp computes qwen3next with a mixture in every layer",
        got: "0",
      });
    return to;
  },
};

/** In llama.cpp the first value heads of all key heads come first, then the second ones. */
export const qwen35Text: Architecture = {
  modelType: "qwen3_5_text",
  describe(config) {
    const c = parseFields("", deltaFields, config);
    const { H, G, E } = deltaSizes(c);
    const heads: RowOrder = (head) => (head % H) * G + Math.floor(head / H);
    const values: RowOrder = (row) => heads(Math.floor(row / E)) * E + (row % E);
    const mixed: RowOrder = (row) => (row < 2 * H * E ? row : 2 * H * E + values(row - 2 * H * E));
    const to = newDescription({
      name: "qwen35",
      modules: {
        ...BLOCK,
        ...LLAMA_MLP,
        "linear_attn.in_proj_qkv": "attn_qkv",
        "linear_attn.in_proj_z": "attn_gate",
        "linear_attn.in_proj_b": "ssm_beta",
        "linear_attn.in_proj_a": "ssm_alpha",
      },
      orders: {
        ...{ attn_qkv: mixed, ssm_conv1d: mixed, attn_gate: values },
        ...{ ssm_beta: heads, ssm_alpha: heads, ssm_dt: heads, ssm_a: heads },
      },
      columns: { ssm_out: values },
      computed: COMPUTED,
    });
    const { rotated } = setDelta(to, c);
    setAll(to, { "rope.dimension_sections": i32s(sections(rotated)) });
    return to;
  },
};

/** What both architectures read; returns the size of what is rotated of a head. */
function setDelta(to: Description, c: DeltaFields): { rotated: number } {
  const [heads, rope] = [headSizes(c), ropeParameters(c, { rotated: 0.25 })];
  setLlamaLike(to, c, heads, { rope });
  setAll(to, {
    "ssm.conv_kernel": u32(c.linear_conv_kernel_dim),
    "ssm.state_size": u32(c.linear_key_head_dim),
    "ssm.group_count": u32(c.linear_num_key_heads),
    "ssm.time_step_rank": u32(c.linear_num_value_heads),
    "ssm.inner_size": u32(c.linear_num_value_heads * c.linear_value_head_dim),
  });
  setLayers(to, c);
  requireAll(to, { attention_bias: [c.attention_bias, false] });
  if (c.linear_value_head_dim !== c.linear_key_head_dim)
    to.faults.push({
      place: "linear_value_head_dim",
      problem: `llama.cpp computes ${to.name} with values of the keys' size`,
      expected: String(c.linear_key_head_dim),
      got: String(c.linear_value_head_dim),
    });
  return { rotated: Math.trunc(heads.E * rope.rotated) };
}

/** Older versions of llama.cpp know an interval alone. */
function setLayers(to: Description, c: DeltaFields): void {
  const learning = Array.from({ length: c.num_hidden_layers }, (_, layer) => (attends(c, layer) ? 0 : 1));
  if (new Set(learning).size === 1)
    to.faults.push({
      place: c.layer_types ? "layer_types" : "full_attention_interval",
      problem: `llama.cpp computes ${to.name} with layers of both kinds`,
    });
  const interval = attentionInterval(c);
  if (interval !== undefined) setAll(to, { full_attention_interval: u32(interval) });
  else setAll(to, { "attention.recurrent_layers": i32s(learning) });
}

/**
 * Pairs take turns for time, height and width. A text's positions are the same in all three, and llama.cpp gives a pair that
 * is in none of them position 0.
 */
function sections(rotated: number): number[] {
  const pairs = rotated / 2;
  return [...[0, 1, 2].map((direction) => Math.floor((pairs + 2 - direction) / 3)), 0];
}
