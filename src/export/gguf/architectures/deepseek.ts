/**
 * DeepSeek's latent attention, as llama.cpp computes it: a head's queries go through its matrix for keys, so that all heads share
 * one key, the latent vector and what is rotated; values come out of the latent vector at last.
 */
import { parseFields } from "../../../models/config.ts";
import { deepseekV2Fields, deepseekV2 as v2Family } from "../../../models/families/deepseek_v2.ts";
import { deepseekV3Fields, deepseekV3 as v3Family } from "../../../models/families/deepseek_v3.ts";
import { withoutAliases } from "../../../models/families.ts";
import {
  attentionStretch,
  type LatentFields,
  latentHeads,
  latentRope,
} from "../../../models/latent_attention.ts";
import { f32, flagValue, u32 } from "../gguf_header.ts";
import {
  type Architecture,
  type Cut,
  type Description,
  LLAMA_ATTENTION,
  LLAMA_MLP,
  neighboursFromHalves,
  newDescription,
  type RowOrder,
  requireActivation,
  setAll,
  setRmsNorm,
  setSizes,
} from "./description.ts";
import { EXPERTS, requireAll, SIGMOID, setExperts, sharedExpert } from "./mixtures.ts";
import { setRope } from "./rope.ts";

const SOFTMAX = 1; // llama.cpp's expert_gating_func

const BLOCK = {
  ...LLAMA_ATTENTION,
  "self_attn.q_a_proj": "attn_q_a",
  "self_attn.q_a_layernorm": "attn_q_a_norm",
  "self_attn.q_b_proj": "attn_q_b",
  "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa",
  "self_attn.kv_a_layernorm": "attn_kv_a_norm",
  "self_attn.kv_b_proj": "attn_kv_b",
  post_attention_layernorm: "ffn_norm",
  ...LLAMA_MLP,
  ...EXPERTS,
  ...sharedExpert("shared_experts"),
  "mlp.gate.e_score_correction_bias": "exp_probs_b.bias",
};
/** What llama.cpp multiplies without asking for adapters. */
const WITHOUT_TERMS = ["attn_q", "attn_q_a", "attn_q_b", "attn_kv_a_mqa", "attn_kv_b", "output"];

interface Mixture extends LatentFields {
  moe_intermediate_size: number;
  num_experts_per_tok: number;
  n_shared_experts: number;
  n_routed_experts: number;
  routed_scaling_factor: number;
  first_k_dense_replace: number;
}

/** Its router's groups count by their best expert. */
export const deepseekV2: Architecture = {
  modelType: "deepseek_v2",
  describe(config) {
    const c = parseFields("", deepseekV2Fields, withoutAliases(config, v2Family));
    const to = describeLatent(c, { neighbours: true });
    setAll(to, { expert_gating_func: u32(SOFTMAX) });
    requireAll(to, { mlp_bias: [c.mlp_bias, false] });
    const groups = c.topk_method === "greedy" ? 1 : (c.n_group ?? 1);
    if (groups > 1 && groups !== (c.topk_group ?? 1))
      to.faults.push({
        place: "topk_method",
        problem:
          "llama.cpp takes groups of experts by the sum of their best two, this family by their best one",
        got: JSON.stringify(c.topk_method),
      });
    return to;
  },
};

export const deepseekV3: Architecture = {
  modelType: "deepseek_v3",
  describe(config) {
    const c = parseFields("", deepseekV3Fields, withoutAliases(config, v3Family));
    const to = describeLatent(c, { neighbours: c.rope_interleave === true });
    setAll(to, {
      expert_gating_func: u32(SIGMOID),
      expert_weights_norm: flagValue(c.norm_topk_prob === true),
    });
    if (c.n_group > 1 && c.topk_group < c.n_group)
      setAll(to, { expert_group_count: u32(c.n_group), expert_group_used_count: u32(c.topk_group) });
    return to;
  },
};

function describeLatent(c: Mixture, { neighbours }: { neighbours: boolean }): Description {
  const heads = c.num_attention_heads;
  const [rank, turns, size] = [c.kv_lora_rank, c.qk_rope_head_dim, c.qk_nope_head_dim + c.qk_rope_head_dim];
  const to = newDescription({
    name: "deepseek2",
    modules: BLOCK,
    orders: neighbours ? {} : rotatedLast(c),
    cuts: { "attn_kv_b.weight": keysAndValues(c) },
    withoutTerms: WITHOUT_TERMS,
  });
  setSizes(to, c, { K: 1, G: heads, E: rank + turns });
  setRmsNorm(to, c.rms_norm_eps);
  setLatentRope(to, c);
  setExperts(to, c.n_routed_experts, c.num_experts_per_tok);
  setAll(to, {
    "attention.q_lora_rank": u32(c.q_lora_rank ?? 0), // which stands for none
    "attention.kv_lora_rank": u32(rank),
    "attention.value_length": u32(rank),
    "attention.key_length_mla": u32(size),
    "attention.value_length_mla": u32(c.v_head_dim),
    expert_feed_forward_length: u32(c.moe_intermediate_size),
    expert_shared_count: u32(c.n_shared_experts),
    expert_weights_scale: f32(c.routed_scaling_factor),
    leading_dense_block_count: u32(c.first_k_dense_replace),
  });
  requireActivation(to, "hidden_act", c.hidden_act, "silu");
  requireAll(to, { attention_bias: [c.attention_bias, false], rms_norm_eps: [c.rms_norm_eps, 1e-6] }); // as inner norms
  requireLongQueries(to, c);
  latentHeads(c);
  return to;
}

/** In layers of [heads · (N + R)] and [rank + R] rows, what is rotated comes last. */
function rotatedLast({ kv_lora_rank, qk_nope_head_dim: N, qk_rope_head_dim: R }: LatentFields) {
  const order = neighboursFromHalves(R);
  const after =
    (front: number): RowOrder =>
    (row) => {
      const within = row % (front + R);
      return within < front ? row : row - within + front + order(within - front);
    };
  return { attn_q: after(N), attn_q_b: after(N), attn_kv_a_mqa: after(kv_lora_rank) };
}

/** Each head has rows for its keys, and below rows for its values; llama.cpp has those of keys turned. */
function keysAndValues(c: LatentFields): Cut[] {
  const [heads, rank, N, V] = [c.num_attention_heads, c.kv_lora_rank, c.qk_nope_head_dim, c.v_head_dim];
  return [
    { name: "attn_k_b.weight", shape: [heads, rank, N], at: (row, column) => column * rank + row },
    { name: "attn_v_b.weight", shape: [heads, V, rank], at: (row, column) => (N + row) * rank + column },
  ];
}

/**
 * Of YaRN llama.cpp knows the stretch of what is rotated, `attn_factor` (A), and multiplies scores with (A · (1 + 0.1 · m · ln
 * factor))²; its file holds 0.1 · m. An m of 0 is as if there were none, and then A is multiplied once more.
 */
function setLatentRope(to: Description, c: LatentFields): void {
  const rope = latentRope(c);
  setRope(to, rope, { E: c.qk_rope_head_dim });
  if (rope.type === "linear")
    to.faults.push({
      place: "rope_parameters.rope_type",
      problem: `llama.cpp scales the scores of ${to.name} with this rotation`,
      got: JSON.stringify(rope.type),
    });
  if (rope.type !== "yarn") return;
  if (rope.factor === 1) requireAll(to, { "rope_parameters.attention_factor": [rope.attentionFactor, 1] });
  const [stretch, log] = [attentionStretch(c), Math.log(rope.factor)];
  if (stretch === rope.attentionFactor || log === 0) return;
  setAll(to, {
    "rope.scaling.attn_factor": f32(rope.attentionFactor),
    "rope.scaling.yarn_log_multiplier": f32((stretch / rope.attentionFactor - 1) / log),
  });
}

/** llama.cpp knows its smaller models by their layers, and reads no rank of queries for them. */
function requireLongQueries(
  to: Description,
  { num_hidden_layers: layers, vocab_size, q_lora_rank }: LatentFields,
): void {
  if (q_lora_rank === null || !(layers === 26 || layers === 27 || (layers === 48 && vocab_size === 128_256)))
    return;
  to.faults.push({
    place: "q_lora_rank",
    problem: `llama.cpp computes ${to.name} of ${layers} layers without it`,
    expected: "null",
    got: String(q_lora_rank),
  });
}
