/** What mlx-lm computes of families whose blocks differ little from Llama's. */
import { parseFields } from "../../models/config.ts";
import { ernie45Fields } from "../../models/families/ernie4_5.ts";
import { glmFields } from "../../models/families/glm.ts";
import { olmo3Fields } from "../../models/families/olmo3.ts";
import { seedOssFields } from "../../models/families/seed_oss.ts";
import { readRopesByLayer } from "../../models/layer_ropes.ts";
import { slidingLayers } from "../../models/layer_types.ts";
import { ropeParameters } from "../../models/rope_config.ts";
import { checks, type Describe, headConfig, PLAIN_ROPE, ropeConfig, SCALED_ROPE } from "./mlx_description.ts";

export const seedOssMlx: Describe = (config) => {
  const c = parseFields("", seedOssFields, config);
  const [check, rope] = [checks("seed_oss"), ropeParameters(c)];
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, SCALED_ROPE);
  const { attention_bias, attention_out_bias, mlp_bias, tie_word_embeddings, rms_norm_eps } = c;
  const own = { attention_bias, attention_out_bias, mlp_bias, tie_word_embeddings, rms_norm_eps };
  return { config: { ...headConfig(c).own, ...own, ...ropeConfig(config, rope) }, faults: check.faults };
};

export const ernie45Mlx: Describe = (config) => {
  const c = parseFields("", ernie45Fields, config);
  const [check, rope] = [checks("ernie4_5"), ropeParameters(c, { theta: 500_000 })];
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, PLAIN_ROPE);
  check.only("use_bias", c.use_bias, false); // its output layer has none
  const { use_bias, tie_word_embeddings, rms_norm_eps } = c;
  const own = { use_bias, tie_word_embeddings, rms_norm_eps };
  return { config: { ...headConfig(c).own, ...own, ...ropeConfig(config, rope) }, faults: check.faults };
};

export const glm4Mlx: Describe = (config) => {
  const c = parseFields("", glmFields, config);
  const [check, rope] = [checks("glm4"), ropeParameters(c, { rotated: 0.5 })];
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(rope, PLAIN_ROPE);
  const { attention_bias, rms_norm_eps } = c;
  const rotated = { ...ropeConfig(config, rope), partial_rotary_factor: rope.rotated };
  return {
    config: { ...headConfig(c).own, attention_bias, rms_norm_eps, ...rotated },
    faults: check.faults,
    head: "required",
  };
};

export const olmo3Mlx: Describe = (config) => {
  const c = parseFields("", olmo3Fields, config);
  const [check, ropes] = [checks("olmo3"), readRopesByLayer(c, { full: 500_000, sliding: 500_000 })];
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(ropes.sliding, PLAIN_ROPE);
  check.rope(ropes.full, SCALED_ROPE);
  check.only("rope_parameters.sliding_attention.rope_theta", ropes.sliding.theta, ropes.full.theta);
  const slides = slidingLayers(c, (layer) => (layer + 1) % 4 !== 0);
  if (new Set(slides).size < 2)
    check.faults.push({ place: "layer_types", problem: "mlx-lm computes olmo3 with layers of both kinds" });
  const { attention_bias, tie_word_embeddings, rms_norm_eps } = c;
  const own = { attention_bias, tie_word_embeddings, rms_norm_eps };
  const layer_types = slides.map((is) => (is ? "sliding_attention" : "full_attention"));
  const window = { sliding_window: c.sliding_window ?? c.max_position_embeddings, layer_types };
  const full = { rope_parameters: c.rope_parameters?.full_attention, rope_scaling: config.rope_scaling };
  return {
    config: { ...headConfig(c).own, ...own, ...window, ...ropeConfig(full, ropes.full) },
    faults: check.faults,
  };
};
