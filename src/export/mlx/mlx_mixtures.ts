/** What mlx-lm computes of mixtures of experts. */
import { parseFields } from "../../models/config.ts";
import { ernie45Moe, ernieMoeFields } from "../../models/families/ernie4_5_moe.ts";
import { glm4Moe, glm4MoeFields } from "../../models/families/glm4_moe.ts";
import { GPT_OSS_ROPE, gptOss, gptOssFields } from "../../models/families/gpt_oss.ts";
import { graniteMoeFields } from "../../models/families/granitemoe.ts";
import { mixtral, mixtralFields } from "../../models/families/mixtral.ts";
import { olmoe, olmoeFields } from "../../models/families/olmoe.ts";
import { qwen2MoeFields, windowsOf } from "../../models/families/qwen2_moe.ts";
import { qwen3MoeFields } from "../../models/families/qwen3_moe.ts";
import { withoutAliases } from "../../models/families.ts";
import { slidingLayers } from "../../models/layer_types.ts";
import { ropeParameters } from "../../models/rope_config.ts";
import { checks, type Describe, headConfig, PLAIN_ROPE, ropeConfig, SCALED_ROPE } from "./mlx_description.ts";

export const mixtralMlx: Describe = (config) => {
  const c = parseFields("", mixtralFields, withoutAliases(config, mixtral));
  const [check, rope] = [checks("mixtral"), ropeParameters(c, { theta: 1_000_000 })];
  const heads = headConfig(c);
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, PLAIN_ROPE);
  check.windows([c.sliding_window ?? undefined], c.max_position_embeddings);
  check.only("head_dim", heads.isDerived, true);
  const { num_local_experts, num_experts_per_tok, rms_norm_eps, tie_word_embeddings } = c;
  const own = { num_local_experts, num_experts_per_tok, rms_norm_eps, tie_word_embeddings };
  return { config: { ...heads.own, ...own, ...ropeConfig(config, rope) }, faults: check.faults };
};

export const qwen3MoeMlx: Describe = (config) => {
  const c = parseFields("", qwen3MoeFields, config);
  const [check, rope] = [checks("qwen3_moe"), ropeParameters(c)];
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, PLAIN_ROPE);
  check.windows([(c.use_sliding_window && c.sliding_window) || undefined], c.max_position_embeddings);
  check.only("attention_bias", c.attention_bias, false);
  const { decoder_sparse_step, norm_topk_prob, tie_word_embeddings, rms_norm_eps } = c;
  const experts = {
    num_experts: c.num_local_experts ?? c.num_experts,
    mlp_only_layers: c.mlp_only_layers ?? [],
  };
  const own = { decoder_sparse_step, norm_topk_prob, tie_word_embeddings, rms_norm_eps };
  return {
    config: { ...headConfig(c).own, ...experts, ...own, ...ropeConfig(config, rope) },
    faults: check.faults,
  };
};

export const olmoeMlx: Describe = (config) => {
  const c = parseFields("", olmoeFields, withoutAliases(config, olmoe));
  const [check, rope] = [checks("olmoe"), ropeParameters(c)];
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, SCALED_ROPE);
  check.only("clip_qkv", c.clip_qkv ?? null, null);
  const { num_experts, num_experts_per_tok, norm_topk_prob } = c;
  const { attention_bias, tie_word_embeddings, rms_norm_eps } = c;
  const experts = { num_experts, num_experts_per_tok, norm_topk_prob, mlp_bias: false };
  const own = { attention_bias, tie_word_embeddings, rms_norm_eps };
  return {
    config: { ...headConfig(c).own, ...experts, ...own, ...ropeConfig(config, rope) },
    faults: check.faults,
  };
};

export const qwen2MoeMlx: Describe = (config) => {
  const c = parseFields("", qwen2MoeFields, config);
  const [check, rope, heads] = [checks("qwen2_moe"), ropeParameters(c), headConfig(c)];
  const { num_experts, num_experts_per_tok, moe_intermediate_size, shared_expert_intermediate_size } = c;
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, PLAIN_ROPE);
  check.windows(windowsOf(c), c.max_position_embeddings);
  check.only("head_dim", heads.isDerived, true);
  check.only("qkv_bias", c.qkv_bias, true);
  check.only("norm_topk_prob", c.norm_topk_prob, false);
  check.only("decoder_sparse_step", c.decoder_sparse_step, 1);
  check.only("mlp_only_layers", c.mlp_only_layers?.length ?? 0, 0);
  const experts = {
    num_experts,
    num_experts_per_tok,
    moe_intermediate_size,
    shared_expert_intermediate_size,
  };
  const own = { ...heads.own, ...experts, rms_norm_eps: c.rms_norm_eps };
  return { config: { ...own, ...ropeConfig(config, rope) }, faults: check.faults, head: "required" };
};

export const glm4MoeMlx: Describe = (config) => {
  const c = parseFields("", glm4MoeFields, withoutAliases(config, glm4Moe));
  const [check, rope] = [checks("glm4_moe"), ropeParameters(c, { rotated: 1 })];
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, PLAIN_ROPE);
  const { n_routed_experts, n_shared_experts, num_experts_per_tok, moe_intermediate_size } = c;
  const { routed_scaling_factor, first_k_dense_replace, norm_topk_prob, n_group, topk_group } = c;
  const { attention_bias, use_qk_norm, tie_word_embeddings, rms_norm_eps } = c;
  const experts = { n_routed_experts, n_shared_experts, num_experts_per_tok, moe_intermediate_size };
  const choice = { routed_scaling_factor, first_k_dense_replace, norm_topk_prob, n_group, topk_group };
  const own = { attention_bias, use_qk_norm, tie_word_embeddings, rms_norm_eps };
  const rotated = { ...ropeConfig(config, rope), partial_rotary_factor: rope.rotated };
  return {
    config: { ...headConfig(c).own, ...experts, ...choice, ...own, ...rotated },
    faults: check.faults,
    head: "required",
  };
};

export const graniteMoeMlx: Describe = (config) => {
  const c = parseFields("", graniteMoeFields, config);
  const [check, rope, heads] = [checks("granitemoe"), ropeParameters(c), headConfig(c)];
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, SCALED_ROPE);
  check.only("head_dim", heads.isDerived, true);
  const { num_local_experts, num_experts_per_tok, attention_bias, tie_word_embeddings, rms_norm_eps } = c;
  const { logits_scaling, attention_multiplier, embedding_multiplier, residual_multiplier } = c;
  const factors = { logits_scaling, attention_multiplier, embedding_multiplier, residual_multiplier };
  const own = { num_local_experts, num_experts_per_tok, attention_bias, tie_word_embeddings, rms_norm_eps };
  return { config: { ...heads.own, ...own, ...factors, ...ropeConfig(config, rope) }, faults: check.faults };
};

const ROUNDING = 1e-12; // what mlx-lm divides by at least

export const ernie45MoeMlx: Describe = (config) => {
  const c = parseFields("", ernieMoeFields, withoutAliases(config, ernie45Moe));
  const [check, rope] = [checks("ernie4_5_moe"), ropeParameters(c, { theta: 500_000 })];
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, PLAIN_ROPE);
  check.only("use_bias", c.use_bias, false); // there the experts would have one
  check.only("moe_norm_min", c.moe_norm_min, ROUNDING);
  const { moe_num_experts, moe_k, moe_num_shared_experts, moe_intermediate_size, use_bias } = c;
  const { moe_layer_start_index, moe_layer_end_index: end, moe_layer_interval } = c;
  const experts = { moe_num_experts, moe_k, moe_num_shared_experts, moe_intermediate_size };
  const last = { moe_layer_end_index: end === -1 ? c.num_hidden_layers - 1 : end };
  const layers = { moe_layer_start_index, ...last, moe_layer_interval, moe_gate_act: "softmax" };
  const own = { use_bias, tie_word_embeddings: c.tie_word_embeddings, rms_norm_eps: c.rms_norm_eps };
  return {
    config: { ...headConfig(c).own, ...experts, ...layers, ...own, ...ropeConfig(config, rope) },
    faults: check.faults,
  };
};

export const gptOssMlx: Describe = (config) => {
  const c = parseFields("", gptOssFields, withoutAliases(config, gptOss));
  const spelled = { ...c, rope_parameters: c.rope_parameters ?? GPT_OSS_ROPE };
  const [check, rope] = [checks("gpt_oss"), ropeParameters(spelled, { theta: 150_000 })];
  check.rope(rope, [...PLAIN_ROPE, "yarn"]);
  check.only("attention_bias", c.attention_bias, true);
  const slides = slidingLayers(c, (layer) => layer % 2 === 0);
  if (new Set(slides).size < 2)
    check.faults.push({ place: "layer_types", problem: "mlx-lm computes gpt_oss with layers of both kinds" });
  const { num_local_experts, num_experts_per_tok, rms_norm_eps } = c;
  const layer_types = slides.map((is) => (is ? "sliding_attention" : "full_attention"));
  const own = { num_local_experts, num_experts_per_tok, rms_norm_eps, layer_types };
  const window = { sliding_window: c.sliding_window ?? c.max_position_embeddings };
  return {
    config: {
      ...headConfig(c).own,
      ...own,
      ...window,
      ...ropeConfig({ rope_parameters: spelled.rope_parameters, ...config }, rope),
    },
    faults: check.faults,
    head: "required",
  };
};
