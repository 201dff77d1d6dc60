/**
 * What mlx-lm computes of each family (mlx_lm/models/<model_type>.py): which settings it doesn't, and what its config has to
 * say that transformers' may leave out.
 */
import { parseFields } from "../../models/config.ts";
import { cohereFields } from "../../models/families/cohere.ts";
import { gemmaFields } from "../../models/families/gemma.ts";
import { gemma2Fields } from "../../models/families/gemma2.ts";
import { gemma3Fields, gemma3Ropes } from "../../models/families/gemma3_text.ts";
import { gptNeoxFields } from "../../models/families/gpt_neox.ts";
import { gpt2, gpt2Fields } from "../../models/families/gpt2.ts";
import { graniteFields } from "../../models/families/granite.ts";
import { llamaFields } from "../../models/families/llama.ts";
import { mistralFields } from "../../models/families/mistral.ts";
import { olmo2Fields } from "../../models/families/olmo2.ts";
import { PHI3_ROPE, phi3Fields } from "../../models/families/phi3.ts";
import { qwen2Fields, qwenWindows } from "../../models/families/qwen2.ts";
import { qwen3Fields } from "../../models/families/qwen3.ts";
import { rotatedLayers, smollm3Fields } from "../../models/families/smollm3.ts";
import { starcoder2Fields } from "../../models/families/starcoder2.ts";
import { withoutAliases } from "../../models/families.ts";
import { layerWindows, slidingLayers } from "../../models/layer_types.ts";
import { ropeParameters } from "../../models/rope_config.ts";
import { ernie45Mlx, glm4Mlx, olmo3Mlx, seedOssMlx } from "./mlx_dense.ts";
import { checks, type Describe, headConfig, PLAIN_ROPE, ropeConfig, SCALED_ROPE } from "./mlx_description.ts";
import { gemma3nMlx, gemma3nTextMlx, gemma4Mlx } from "./mlx_gemma.ts";
import {
  ernie45MoeMlx,
  glm4MoeMlx,
  gptOssMlx,
  graniteMoeMlx,
  mixtralMlx,
  olmoeMlx,
  qwen2MoeMlx,
  qwen3MoeMlx,
} from "./mlx_mixtures.ts";
import { insideText, lfm2Mlx, qwen3NextMlx, qwen35Mlx } from "./mlx_newer.ts";

const llama: Describe = (config) => {
  const c = parseFields("", llamaFields, config);
  const [check, rope] = [checks("llama"), ropeParameters(c)];
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, SCALED_ROPE);
  const { attention_bias, mlp_bias, tie_word_embeddings } = c;
  const own = { attention_bias, mlp_bias, tie_word_embeddings, rms_norm_eps: c.rms_norm_eps };
  return { config: { ...headConfig(c).own, ...own, ...ropeConfig(config, rope) }, faults: check.faults };
};

const mistral: Describe = (config) => {
  const c = parseFields("", mistralFields, config);
  const [check, rope] = [checks("mistral"), ropeParameters(c)];
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, SCALED_ROPE);
  check.windows(
    layerWindows(c, () => true),
    c.max_position_embeddings,
  );
  const own = { tie_word_embeddings: c.tie_word_embeddings, rms_norm_eps: c.rms_norm_eps };
  const windows = { sliding_window: null, layer_types: null }; // none is reached
  return {
    config: { ...headConfig(c).own, ...own, ...windows, ...ropeConfig(config, rope) },
    faults: check.faults,
  };
};

const smollm3: Describe = (config) => {
  const c = parseFields("", smollm3Fields, config);
  const [check, rope] = [checks("smollm3"), ropeParameters(c, { theta: 2_000_000 })];
  const rotated = rotatedLayers(c);
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, SCALED_ROPE);
  check.windows(
    layerWindows(c, (layer) => c.use_sliding_window && !rotated[layer]),
    c.max_position_embeddings,
  );
  const { attention_bias, mlp_bias, tie_word_embeddings, rms_norm_eps } = c;
  const own = { attention_bias, mlp_bias, tie_word_embeddings, rms_norm_eps };
  const layers = { no_rope_layers: rotated.map(Number), layer_types: null, sliding_window: null };
  return {
    config: { ...headConfig(c).own, ...own, ...layers, ...ropeConfig(config, rope) },
    faults: check.faults,
  };
};

const granite: Describe = (config) => {
  const c = parseFields("", graniteFields, config);
  const [check, rope, heads] = [checks("granite"), ropeParameters(c), headConfig(c)];
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, SCALED_ROPE);
  check.only("head_dim", heads.isDerived, true);
  const { attention_bias, mlp_bias, tie_word_embeddings, rms_norm_eps } = c;
  const { logits_scaling, attention_multiplier, embedding_multiplier, residual_multiplier } = c;
  const own = { attention_bias, mlp_bias, tie_word_embeddings, rms_norm_eps, logits_scaling };
  const factors = { attention_multiplier, embedding_multiplier, residual_multiplier };
  return { config: { ...heads.own, ...own, ...factors, ...ropeConfig(config, rope) }, faults: check.faults };
};

const qwen2: Describe = (config) => {
  const c = parseFields("", qwen2Fields, config);
  const [check, rope, heads] = [checks("qwen2"), ropeParameters(c), headConfig(c)];
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, SCALED_ROPE);
  check.windows(qwenWindows(c), c.max_position_embeddings);
  check.only("head_dim", heads.isDerived, true);
  const own = { tie_word_embeddings: c.tie_word_embeddings, rms_norm_eps: c.rms_norm_eps };
  return { config: { ...heads.own, ...own, ...ropeConfig(config, rope) }, faults: check.faults };
};

const qwen3: Describe = (config) => {
  const c = parseFields("", qwen3Fields, config);
  const [check, rope] = [checks("qwen3"), ropeParameters(c)];
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, SCALED_ROPE);
  check.windows(qwenWindows(c), c.max_position_embeddings);
  check.only("attention_bias", c.attention_bias, false);
  const own = { tie_word_embeddings: c.tie_word_embeddings, rms_norm_eps: c.rms_norm_eps };
  return { config: { ...headConfig(c).own, ...own, ...ropeConfig(config, rope) }, faults: check.faults };
};

const gemma: Describe = (config) => {
  const c = parseFields("", gemmaFields, config);
  const [check, rope] = [checks("gemma"), ropeParameters(c)];
  check.rope(rope, PLAIN_ROPE);
  check.only("attention_bias", c.attention_bias, false);
  const own = { ...headConfig(c).own, rms_norm_eps: c.rms_norm_eps };
  return { config: { ...own, ...ropeConfig(config, rope) }, faults: check.faults, head: "tied" };
};

const gemma2: Describe = (config) => {
  const c = parseFields("", gemma2Fields, config);
  const [check, rope] = [checks("gemma2"), ropeParameters(c)];
  check.act("hidden_activation", c.hidden_activation, "gelu");
  check.rope(rope, PLAIN_ROPE);
  check.only("attention_bias", c.attention_bias, false);
  check.windows(
    layerWindows(c, (layer) => layer % 2 === 0),
    c.max_position_embeddings,
  );
  for (const key of ["attn_logit_softcapping", "final_logit_softcapping"] as const)
    if (c[key] === null)
      check.faults.push({ place: key, problem: "mlx-lm computes gemma2 with a bound", got: "null" });
  const { attn_logit_softcapping, final_logit_softcapping, query_pre_attn_scalar } = c;
  const own = { attn_logit_softcapping, final_logit_softcapping, query_pre_attn_scalar };
  const sizes = { ...headConfig(c).own, rms_norm_eps: c.rms_norm_eps };
  return { config: { ...sizes, ...own, ...ropeConfig(config, rope) }, faults: check.faults, head: "tied" };
};

const gemma3: Describe = (config) => {
  const c = parseFields("", gemma3Fields, config);
  const [check, ropes] = [checks("gemma3_text"), gemma3Ropes(c)];
  const slides = slidingLayers(c, (layer) => (layer + 1) % c.sliding_window_pattern !== 0);
  const periods = Array.from({ length: slides.length + 1 }, (_, i) => i + 1);
  const pattern = periods.find((period) => slides.every((is, layer) => is === ((layer + 1) % period !== 0)));
  if (pattern === undefined)
    check.faults.push({
      place: "layer_types",
      problem: "mlx-lm computes gemma3_text with windows on all but the last of every so many layers",
    });
  check.act("hidden_activation", c.hidden_activation, "gelu");
  check.rope(ropes.full, PLAIN_ROPE);
  check.rope(ropes.sliding, PLAIN_ROPE);
  check.only("attention_bias", c.attention_bias, false);
  check.only("final_logit_softcapping", c.final_logit_softcapping ?? null, null);
  const thetas = {
    rope_theta: ropes.full.theta,
    rope_global_base_freq: ropes.full.theta,
    rope_local_base_freq: ropes.sliding.theta,
  };
  const own = {
    sliding_window: c.sliding_window ?? c.max_position_embeddings,
    sliding_window_pattern: pattern,
    query_pre_attn_scalar: c.query_pre_attn_scalar,
    rms_norm_eps: c.rms_norm_eps,
  };
  return { config: { ...headConfig(c).own, ...own, ...thetas }, faults: check.faults, head: "required" };
};

const gpt2Mlx: Describe = (config) => {
  const c = parseFields("", gpt2Fields, withoutAliases(config, gpt2));
  const check = checks("gpt2");
  check.only("n_inner", c.n_inner ?? 4 * c.n_embd, 4 * c.n_embd);
  check.act("activation_function", c.activation_function, "gelu");
  check.only("scale_attn_weights", c.scale_attn_weights, true);
  check.only("scale_attn_by_inverse_layer_idx", c.scale_attn_by_inverse_layer_idx, false);
  const { n_embd, n_head, n_layer, n_positions, layer_norm_epsilon } = c;
  const own = { n_ctx: n_positions, n_embd, n_head, n_layer, n_positions, layer_norm_epsilon };
  return { config: own, faults: check.faults, head: "tied" };
};

const gptNeox: Describe = (config) => {
  const c = parseFields("", gptNeoxFields, config);
  const check = checks("gpt_neox");
  const spelled = { ...c, rope_theta: undefined, partial_rotary_factor: undefined }; // as the family reads them
  const rope = ropeParameters(spelled, { theta: c.rotary_emb_base, rotated: c.rotary_pct });
  check.only("intermediate_size", c.intermediate_size, 4 * c.hidden_size);
  check.only("use_parallel_residual", c.use_parallel_residual, true);
  check.only("attention_bias", c.attention_bias, true);
  check.act("hidden_act", c.hidden_act, "gelu");
  check.rope(rope, PLAIN_ROPE);
  const own = { rotary_emb_base: rope.theta, rotary_pct: rope.rotated, layer_norm_eps: c.layer_norm_eps };
  return { config: own, faults: check.faults, head: "required" };
};

const phi3: Describe = (config) => {
  const c = parseFields("", phi3Fields, config);
  const [check, rope, heads] = [checks("phi3"), ropeParameters(c, PHI3_ROPE), headConfig(c)];
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, PLAIN_ROPE); // of longrope mlx-lm takes the long factors always
  check.windows([c.sliding_window ?? undefined], c.max_position_embeddings);
  check.only("head_dim", heads.isDerived, true);
  const { tie_word_embeddings, rms_norm_eps } = c;
  const own = { tie_word_embeddings, rms_norm_eps, partial_rotary_factor: rope.rotated };
  return { config: { ...heads.own, ...own, ...ropeConfig(config, rope) }, faults: check.faults };
};

const olmo2: Describe = (config) => {
  const c = parseFields("", olmo2Fields, config);
  const [check, rope] = [checks("olmo2"), ropeParameters(c)];
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, SCALED_ROPE);
  const { attention_bias, tie_word_embeddings, rms_norm_eps } = c;
  const own = { attention_bias, tie_word_embeddings, rms_norm_eps };
  return { config: { ...headConfig(c).own, ...own, ...ropeConfig(config, rope) }, faults: check.faults };
};

const starcoder2: Describe = (config) => {
  const c = parseFields("", starcoder2Fields, config);
  const [check, rope, heads] = [checks("starcoder2"), ropeParameters(c), headConfig(c)];
  check.act("hidden_act", c.hidden_act, "gelu");
  check.rope(rope, PLAIN_ROPE);
  check.windows([c.sliding_window ?? undefined], c.max_position_embeddings);
  check.only("use_bias", c.use_bias, true);
  check.only("head_dim", heads.isDerived, true);
  const own = { tie_word_embeddings: c.tie_word_embeddings, norm_epsilon: c.norm_epsilon };
  return { config: { ...heads.own, ...own, ...ropeConfig(config, rope) }, faults: check.faults };
};

const cohere: Describe = (config) => {
  const c = parseFields("", cohereFields, config);
  const [check, rope, heads] = [checks("cohere"), ropeParameters(c, { theta: 500_000 }), headConfig(c)];
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, PLAIN_ROPE);
  check.only("head_dim", heads.isDerived, true);
  const { attention_bias, layer_norm_eps, logit_scale, use_qk_norm } = c;
  const own = { attention_bias, layer_norm_eps, logit_scale, use_qk_norm: use_qk_norm ?? false };
  return {
    config: { ...heads.own, ...own, ...ropeConfig(config, rope) },
    faults: check.faults,
    head: "tied",
  };
};

/** By model_type. */
export const MLX_FAMILIES: Readonly<Record<string, Describe>> = {
  ...{ llama, mistral, mixtral: mixtralMlx, smollm3, granite, qwen2, qwen3, qwen3_moe: qwen3MoeMlx },
  ...{ olmoe: olmoeMlx, qwen2_moe: qwen2MoeMlx, glm4_moe: glm4MoeMlx, granitemoe: graniteMoeMlx },
  ...{ ernie4_5_moe: ernie45MoeMlx, gpt_oss: gptOssMlx, lfm2: lfm2Mlx, qwen3_next: qwen3NextMlx },
  ...{ qwen3_5_text: qwen35Mlx, qwen3_5: insideText("qwen3_5", { qwen3_5_text: qwen35Mlx }) },
  ...{ gemma3n_text: gemma3nTextMlx, gemma3n: insideText("gemma3n", { gemma3n_text: gemma3nMlx }) },
  ...{ gemma4_text: gemma4Mlx, gemma4: insideText("gemma4", { gemma4_text: gemma4Mlx }) },
  ...{ gemma3: insideText("gemma3", { gemma3_text: gemma3 }), mistral3: insideText("mistral3", { mistral }) },
  ...{ seed_oss: seedOssMlx, ernie4_5: ernie45Mlx, glm4: glm4Mlx, olmo3: olmo3Mlx },
  ...{
    gemma,
    gemma2,
    gemma3_text: gemma3,
    gpt2: gpt2Mlx,
    gpt_neox: gptNeox,
    phi3,
    olmo2,
    starcoder2,
    cohere,
  },
};
