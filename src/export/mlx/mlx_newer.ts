/** What mlx-lm computes of families with layers of several kinds. */
import { parseFields } from "../../models/config.ts";
import { attentionInterval, type DeltaFields, deltaFields } from "../../models/delta_decoder.ts";
import { lfm2, lfm2Attends, lfm2Fields } from "../../models/families/lfm2.ts";
import { qwen3NextFields } from "../../models/families/qwen3_next.ts";
import { familyOf, withoutAliases } from "../../models/families.ts";
import { ropeParameters } from "../../models/rope_config.ts";
import {
  checks,
  type Describe,
  headConfig,
  type MlxDescription,
  PLAIN_ROPE,
  ropeConfig,
} from "./mlx_description.ts";

/** Of a model that also sees images, as its text model is described; the encoder of images is left out. */
export const insideText =
  (modelType: string, texts: Readonly<Record<string, Describe>>): Describe =>
  (config) => {
    const text = familyOf(modelType).textPart!.config(config);
    const kind = String(text.model_type);
    const describe = Object.hasOwn(texts, kind) ? texts[kind]! : unknownText(kind, texts);
    const described = describe(text);
    const faults = described.faults.map((fault) => ({ ...fault, place: `text_config.${fault.place}` }));
    const own = { ...text, ...described.config, model_type: kind };
    return { ...described, faults, config: { vocab_size: text.vocab_size, text_config: own } };
  };

const unknownText =
  (kind: string, texts: object): Describe =>
  () => {
    const expected = Object.keys(texts).join(" or ");
    const problem = "attune has no rules for this text model in mlx-lm";
    return { config: {}, faults: [{ place: "model_type", problem, expected, got: kind }] };
  };

export const lfm2Mlx: Describe = (config) => {
  const c = parseFields("", lfm2Fields, withoutAliases(config, lfm2));
  const [check, rope, heads] = [checks("lfm2"), ropeParameters(c, { theta: 1_000_000 }), headConfig(c)];
  check.rope(rope, PLAIN_ROPE);
  check.only("head_dim", heads.isDerived, true);
  const indices = Array.from({ length: c.num_hidden_layers }, (_, layer) => layer);
  const attending = indices.filter((layer) => lfm2Attends(c, layer));
  if (attending.length === 0 || attending.length === indices.length)
    check.faults.push({ place: "layer_types", problem: "mlx-lm computes lfm2 with layers of both kinds" });
  const { norm_eps, conv_bias, conv_L_cache, block_multiple_of, block_auto_adjust_ff_dim } = c;
  const blocks = { block_dim: c.hidden_size, block_ff_dim: c.intermediate_size, block_multiple_of };
  const widened = { block_ffn_dim_multiplier: c.block_ffn_dim_multiplier, block_auto_adjust_ff_dim };
  const own = { norm_eps, conv_bias, conv_L_cache, full_attn_idxs: attending };
  return {
    config: { ...heads.own, ...blocks, ...widened, ...own, ...ropeConfig(config, rope) },
    faults: check.faults,
    head: "tied",
  };
};

export const qwen3NextMlx: Describe = (config) => {
  const c = parseFields("", qwen3NextFields, config);
  const { config: delta, faults } = describeDelta("qwen3_next", c);
  const rope = ropeParameters(c, { rotated: 0.25 });
  const { num_experts, num_experts_per_tok, decoder_sparse_step, moe_intermediate_size } = c;
  const { shared_expert_intermediate_size, norm_topk_prob } = c;
  const experts = {
    num_experts,
    num_experts_per_tok,
    moe_intermediate_size,
    shared_expert_intermediate_size,
  };
  const choice = { decoder_sparse_step, norm_topk_prob, mlp_only_layers: c.mlp_only_layers ?? [] };
  const rotated = { ...ropeConfig(config, rope), partial_rotary_factor: rope.rotated };
  return { config: { ...delta, ...experts, ...choice, ...rotated }, faults };
};

/** mlx-lm's model of that name takes a text model's config, too. */
export const qwen35Mlx: Describe = (config) => {
  const c = parseFields("", deltaFields, config);
  const { config: delta, faults } = describeDelta("qwen3_5", c);
  const { theta, rotated } = ropeParameters(c, { rotated: 0.25 });
  const rope = { rope_type: "default", type: "default", rope_theta: theta, partial_rotary_factor: rotated };
  return { config: { ...delta, model_type: "qwen3_5", num_experts: 0, rope_parameters: rope }, faults };
};

function describeDelta(name: string, c: DeltaFields): Pick<MlxDescription, "config" | "faults"> {
  const check = checks(name);
  check.act("hidden_act", c.hidden_act, "silu");
  check.rope(ropeParameters(c, { rotated: 0.25 }), PLAIN_ROPE);
  const layers = c.num_hidden_layers;
  const interval = attentionInterval(c);
  if (interval === undefined || interval > layers)
    check.faults.push({
      place: c.layer_types ? "layer_types" : "full_attention_interval",
      problem: `mlx-lm computes ${name} with full attention in the last of every so many layers`,
    });
  const { linear_num_value_heads, linear_num_key_heads, linear_key_head_dim, linear_value_head_dim } = c;
  const heads = { linear_num_value_heads, linear_num_key_heads, linear_key_head_dim, linear_value_head_dim };
  const { linear_conv_kernel_dim, attention_bias, tie_word_embeddings, rms_norm_eps } = c;
  const own = { linear_conv_kernel_dim, attention_bias, tie_word_embeddings, rms_norm_eps };
  return {
    config: { ...headConfig(c).own, ...heads, ...own, full_attention_interval: interval },
    faults: check.faults,
  };
}
