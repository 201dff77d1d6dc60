/** What mlx-lm computes of Gemma's newer families: keys and values that layers share, an input for each layer. */
import { parseFields } from "../../models/config.ts";
import { gemma3nFields } from "../../models/families/gemma3n_text.ts";
import { gemma4Fields, gemma4Layers } from "../../models/families/gemma4_text.ts";
import { readRopesByLayer } from "../../models/layer_ropes.ts";
import { slidingLayers } from "../../models/layer_types.ts";
import type { RopeParameters } from "../../models/rope_config.ts";
import { keySources } from "../../models/shared_keys.ts";
import { checks, type Describe, headConfig, PLAIN_ROPE } from "./mlx_description.ts";

const kindOf = (slides: boolean) => (slides ? "sliding_attention" : "full_attention");

/** mlx-lm has it inside of the model that also sees and hears. */
export const gemma3nTextMlx: Describe = (config) => {
  const { config: own, ...described } = gemma3nMlx(config);
  return { ...described, config: { model_type: "gemma3n", text_config: { ...config, ...own } } };
};

export const gemma3nMlx: Describe = (config) => {
  const c = parseFields("", gemma3nFields, config);
  const check = checks("gemma3n");
  const slides = slidingLayers(c, (layer) => (layer + 1) % 5 !== 0);
  const ropes = readRopesByLayer(c, { full: 1_000_000, sliding: c.rope_local_base_freq });
  check.act("hidden_activation", c.hidden_activation, "gelu");
  check.rope(ropes.full, PLAIN_ROPE);
  check.rope(ropes.sliding, PLAIN_ROPE);
  check.only("attention_bias", c.attention_bias, false);
  const sizes = new Set([c.intermediate_size].flat());
  if (sizes.size > 1)
    check.faults.push({
      place: "intermediate_size",
      problem: "mlx-lm computes gemma3n with MLPs of one size",
    });
  const [count, shared] = [c.num_hidden_layers, c.num_kv_shared_layers];
  const first = count - shared;
  const sources = keySources(slides, shared < count ? shared : 0);
  const there = slides.map((isSliding, layer) => (layer < first ? layer : first - (isSliding ? 2 : 1)));
  if (shared >= count || sources.some((source, layer) => source !== there[layer]))
    check.faults.push({
      place: "layer_types",
      problem:
        "mlx-lm's layers of gemma3n that share keys take those of the last two before them, one of each kind",
    });
  const { altup_num_inputs, altup_active_idx, altup_correct_scale, laurel_rank, rms_norm_eps } = c;
  const { hidden_size_per_layer_input, vocab_size_per_layer_input, sliding_window } = c;
  const streams = {
    altup_num_inputs,
    altup_active_idx,
    altup_correct_scale,
    altup_coef_clip: null,
    laurel_rank,
  };
  const inputs = { hidden_size_per_layer_input, vocab_size_per_layer_input };
  const text = {
    ...{ ...headConfig(c).own, ...streams, ...inputs },
    ...{ intermediate_size: [...sizes][0], num_kv_shared_layers: shared },
    ...{ query_pre_attn_scalar: headConfig(c).E, rms_norm_eps, sliding_window },
    ...{ rope_theta: ropes.full.theta, rope_local_base_freq: ropes.sliding.theta, rope_scaling: null },
    ...{ final_logit_softcapping: c.final_logit_softcapping, layer_types: slides.map(kindOf) },
    activation_sparsity_pattern: c.activation_sparsity_pattern ?? defaultSparsity(count),
  };
  return { config: text, faults: check.faults, head: "tied" };
};

/** As the family's: ten layers of the larger models close gates where nothing is said. */
const defaultSparsity = (count: number) =>
  Array.from({ length: count }, (_, layer) => (count > 10 && layer < 10 ? 0.95 : 0));

export const gemma4Mlx: Describe = (config) => {
  const c = parseFields("", gemma4Fields, config);
  const [check, layers] = [checks("gemma4"), gemma4Layers(c)];
  check.act("hidden_activation", c.hidden_activation, "gelu");
  check.rope(layers.ropes.sliding, PLAIN_ROPE);
  check.rope(layers.ropes.full, ["default", "proportional"]);
  check.only("attention_bias", c.attention_bias, false);
  const heads = [true, false].map((kind) => {
    const own = layers.slides.flatMap((slides, layer) => (slides === kind ? [layers.heads(layer)] : []));
    const [first] = own;
    if (own.some(({ K, E }) => K !== first!.K || E !== first!.E))
      check.faults.push({
        place: "per_layer_config",
        problem: `mlx-lm's heads are alike in layers of ${kindOf(kind)}`,
      });
    return first;
  });
  const [sliding, full] = [heads[0] ?? heads[1]!, heads[1] ?? heads[0]!];
  if (!c.attention_k_eq_v) check.only("num_global_key_value_heads", full.K, sliding.K);
  const { hidden_size_per_layer_input, vocab_size_per_layer_input, num_kv_shared_layers } = c;
  const { attention_k_eq_v, use_double_wide_mlp, enable_moe_block, sliding_window } = c;
  const { num_experts, top_k_experts, moe_intermediate_size, rms_norm_eps, tie_word_embeddings } = c;
  const text = {
    ...{ num_key_value_heads: sliding.K, head_dim: sliding.E, global_head_dim: full.E },
    ...{ num_global_key_value_heads: full.K, attention_k_eq_v, num_kv_shared_layers, sliding_window },
    ...{ hidden_size_per_layer_input, vocab_size_per_layer_input, use_double_wide_mlp, enable_moe_block },
    ...{ num_experts, top_k_experts, moe_intermediate_size, rms_norm_eps, tie_word_embeddings },
    ...{ layer_types: layers.slides.map(kindOf), final_logit_softcapping: c.final_logit_softcapping ?? null },
    rope_parameters: {
      full_attention: spelled(layers.ropes.full),
      sliding_attention: spelled(layers.ropes.sliding),
    },
  };
  return { config: text, faults: check.faults };
};

function spelled(rope: RopeParameters): Record<string, unknown> {
  const part = rope.type === "proportional" && { partial_rotary_factor: rope.part, factor: rope.factor };
  return { rope_type: rope.type, type: rope.type, rope_theta: rope.theta, ...part };
}
