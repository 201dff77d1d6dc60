/**
 * Gemma 4, its text model: Gemma 3 with larger heads where all is seen, of which a quarter is rotated, normed values, and per size
 * inputs for each layer, shared keys and values, values that are keys, or a mixture of experts beside the MLP.
 * Reference: transformers, models/gemma4/modeling_gemma4.py.
 */
import * as z from "zod";
import { add, mul, scale } from "../../graph/ops/elementwise.ts";
import { rmsNorm } from "../../graph/ops/norm.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { BlockPart } from "../blocks.ts";
import { activation, expertCount, headCount, headSize, notComputed, parseFields, size } from "../config.ts";
import { type BlocksStart, decoder, LLAMA } from "../decoder.ts";
import { fusedExperts, mixtureOfExperts, ofChosen, routeBySoftmax } from "../experts.ts";
import type { Config, Family, Pass } from "../family.ts";
import { type AttentionLayers, gemmaAttention } from "../gemma_attention.ts";
import { fromLayerInput, LAYER_INPUT_MODULES, layerInputFields, layerInputs } from "../layer_inputs.ts";
import { ropesByLayer } from "../layer_ropes.ts";
import { layerTypes, slidingLayers } from "../layer_types.ts";
import { gatedMlp, headSizes, type Norm, rmsNorms } from "../layers.ts";
import { ropeParametersAt } from "../rope_config.ts";
import type { Scope } from "../scope.ts";
import { keptOfSources, keySources, unreadKeys } from "../shared_keys.ts";
import { gemmaBase, scaleEmbedded } from "./gemma.ts";

const flag = z.boolean().default(false);
const layerSizes = z.strictObject({
  head_dim: headSize.optional(),
  num_key_value_heads: headCount.optional(),
});

export const gemma4Fields = gemmaBase.extend({
  ...layerInputFields,
  hidden_act: z.unknown().optional(), // Gemma 1's name of it
  hidden_activation: activation.default("gelu_pytorch_tanh"),
  num_key_value_heads: headCount.default(4),
  global_head_dim: headSize.nullable().default(512),
  num_global_key_value_heads: headCount.nullish(),
  per_layer_config: z.record(z.string(), layerSizes).nullish(),
  rope_parameters: ropesByLayer,
  rope_scaling: z.null("Gemma 4 has rope_parameters by kind of layer").optional(),
  sliding_window: size.default(512),
  layer_types: layerTypes,
  final_logit_softcapping: z.number().positive().nullish(),
  use_bidirectional_attention: z.literal("vision", "attune's attention of text looks back only").nullish(),
  attention_k_eq_v: flag,
  num_kv_shared_layers: z.int().nonnegative().default(0),
  use_double_wide_mlp: flag,
  enable_moe_block: flag,
  num_experts: expertCount.nullish(),
  top_k_experts: expertCount.nullish(),
  moe_intermediate_size: size.nullish(),
});
type Fields = z.output<typeof gemma4Fields>;

export const gemma4Text = gemma4TextOf("gemma4_text");

/** @param defaults what a file leaves out */
export function gemma4TextOf(modelType: string, defaults: Config = {}): Family {
  return {
    modelType,
    names: { ...LLAMA, others: LAYER_INPUT_MODULES },
    layersDiffer: true,
    read(config) {
      const c = parseFields("", gemma4Fields, { ...defaults, ...config });
      requireTokens(c);
      const norm = rmsNorms(c.rms_norm_eps);
      const layers = gemma4Layers(c);
      const sources = keySources(layers.slides, c.num_kv_shared_layers);
      return decoder(c, headSizes(c), {
        modelType,
        norm,
        rope: layers.ropes.full,
        embedded: scaleEmbedded,
        softcap: c.final_logit_softcapping ?? undefined,
        kept: keptOfSources(sources, layers.heads),
        startFromOne: /\.router\.(scale|per_expert_scale)$/,
        unread: unreadKeys(sources),
        blocks: (pass, start) => blocks(c, norm, { ...layers, sources }, pass, start),
      });
    },
  };
}

/** A token without a row of the second embedding has no place in transformers' table either. */
function requireTokens(c: Fields): void {
  const { vocab_size: tokens, vocab_size_per_layer_input: rows } = c;
  if (c.hidden_size_per_layer_input === 0 || rows >= tokens) return;
  throw notComputed([
    { place: "vocab_size_per_layer_input", expected: `at least vocab_size, ${tokens}`, got: String(rows) },
  ]);
}

type Layers = Omit<AttentionLayers, "sources">;

/** What is of one kind or the other, layer by layer. The last one sees all, whatever is listed. */
export function gemma4Layers(c: Fields): Layers {
  const listed = slidingLayers(c, (layer) => (layer + 1) % 6 !== 0);
  const slides = listed.map((is, layer) => is && layer < listed.length - 1);
  const full = {
    head_dim: c.global_head_dim ?? c.head_dim,
    num_key_value_heads: (c.attention_k_eq_v && c.num_global_key_value_heads) || c.num_key_value_heads,
  };
  const said =
    c.per_layer_config && Object.keys(c.per_layer_config).length > 0 ? c.per_layer_config : undefined;
  const own = (layer: number) => (said ? said[layer] : slides[layer] ? {} : full);
  const all = slides.map((_, layer) => headSizes({ ...c, ...own(layer) }));
  return { slides, heads: (layer) => all[layer]!, ropes: ropesOf(c) };
}

function ropesOf({ rope_parameters: given, max_position_embeddings }: Fields): Layers["ropes"] {
  const read = (kind: "sliding_attention" | "full_attention", otherwise: object) =>
    ropeParametersAt(
      `rope_parameters.${kind}`,
      { ...(given?.[kind] ?? otherwise) },
      { max_position_embeddings },
    );
  return {
    sliding: read("sliding_attention", { rope_theta: 10_000 }),
    full: read("full_attention", {
      ...{ rope_type: "proportional", partial_rotary_factor: 0.25, rope_theta: 1_000_000 },
    }),
  };
}

function blocks(c: Fields, norm: Norm, layers: AttentionLayers, pass: Pass, start: BlocksStart): BlockPart {
  const attention = gemmaAttention(c, norm, layers, pass);
  const inputs = c.hidden_size_per_layer_input > 0 ? layerInputs(c, pass, start, norm) : undefined;
  return (p, x, layer) => {
    const normed = (name: string, t: Tensor) => norm(p.at(name), t);
    const attended = attention(p.at("self_attn"), normed("input_layernorm", x), layer);
    const h = add(x, normed("post_attention_layernorm", attended));
    const wide = c.use_double_wide_mlp && layers.sources[layer] !== layer ? 2 : 1;
    const mlp = { size: wide * c.intermediate_size, activation: c.hidden_activation };
    const y = gatedMlp(p.at("mlp"), normed("pre_feedforward_layernorm", h), mlp);
    const both = c.enable_moe_block
      ? add(normed("post_feedforward_layernorm_1", y), mixture(c, norm, pass, p, h))
      : y;
    const z = add(h, normed("post_feedforward_layernorm", both));
    const whole = inputs ? add(z, fromLayerInput(c, p, z, inputs(layer), norm)) : z;
    return mul(whole, p.buffer("layer_scalar", [1], 1));
  };
}

/** The part of the experts in what a block adds, of the stream h [T, D] before the MLP. */
function mixture(c: Fields, norm: Norm, pass: Pass, p: Scope, h: Tensor): Tensor {
  const [n, D] = [needed(c, "num_experts"), c.hidden_size];
  const [k, F] = [needed(c, "top_k_experts"), needed(c, "moe_intermediate_size")];
  const router = p.at("router");
  const scales = scale(router.param("scale", [D]), D ** -0.5);
  const scores = router.linear("proj", rmsNorm(h, scales, { eps: c.rms_norm_eps }), n);
  const { chosen, weights } = routeBySoftmax(scores, { chosen: k, normalized: true });
  const routing = { chosen, weights: mul(weights, ofChosen(chosen, router.param("per_expert_scale", [n]))) };
  const q = p.at("experts");
  const stacks = { into: q.param("gate_up_proj", [n, 2 * F, D]), down: q.param("down_proj", [n, D, F]) };
  const experts = fusedExperts(q, stacks, { count: n, size: F, activation: c.hidden_activation });
  const y = mixtureOfExperts(pass, norm(p.at("pre_feedforward_layernorm_2"), h), routing, experts);
  return norm(p.at("post_feedforward_layernorm_2"), y);
}

function needed(c: Fields, key: "num_experts" | "top_k_experts" | "moe_intermediate_size"): number {
  const value = c[key];
  if (value) return value;
  throw notComputed([{ place: key, problem: "is missing; enable_moe_block needs it" }]);
}
