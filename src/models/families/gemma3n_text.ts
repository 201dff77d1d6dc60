/**
 * Gemma 3n, its text model: streams that take turns (AltUp), a low-rank residual beside attention (LAuReL), an input for each layer,
 * keys and values that the last layers read of earlier ones, and gates of which most are closed.
 * Reference: transformers, models/gemma3n/modeling_gemma3n.py.
 */
import * as z from "zod";
import { add, less, mul, scale, sqrt, sub, where } from "../../graph/ops/elementwise.ts";
import { mean } from "../../graph/ops/reduce.ts";
import { scalar } from "../../graph/sources.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { addToOthers, asOne, asStreams, correct, predict, streamOf } from "../alternating_updates.ts";
import type { BlockPart } from "../blocks.ts";
import { activation, headCount, hiddenSize, notComputed, parseFields, size } from "../config.ts";
import { type BlocksStart, decoder, LLAMA } from "../decoder.ts";
import type { Family, Pass } from "../family.ts";
import { type AttentionLayers, gemmaAttention } from "../gemma_attention.ts";
import { fromLayerInput, LAYER_INPUT_MODULES, layerInputFields, layerInputs } from "../layer_inputs.ts";
import { readRopesByLayer, ropesByLayer } from "../layer_ropes.ts";
import { layerTypes, slidingLayers } from "../layer_types.ts";
import { gatedMlp, headSizes, type Norm, rmsNorms } from "../layers.ts";
import { normalQuantile } from "../normal_quantile.ts";
import type { Scope } from "../scope.ts";
import { keptOfSources, keySources, unreadKeys } from "../shared_keys.ts";
import { gemmaBase, scaleEmbedded } from "./gemma.ts";

const streams = z.int().positive().max(64);

export const gemma3nFields = gemmaBase.extend({
  ...layerInputFields,
  hidden_size_per_layer_input: hiddenSize.default(256),
  hidden_act: z.unknown().optional(), // Gemma 1's name of it
  hidden_activation: activation.default("gelu_pytorch_tanh"),
  intermediate_size: z.union([size, z.array(size)]),
  num_key_value_heads: headCount.default(2),
  rope_local_base_freq: z.number().positive().default(10_000),
  rope_parameters: ropesByLayer,
  sliding_window: size.default(512),
  layer_types: layerTypes,
  final_logit_softcapping: z.number().positive().nullable().default(30),
  altup_active_idx: z.int().nonnegative().default(0),
  altup_correct_scale: z.boolean().default(true),
  altup_num_inputs: streams.default(4),
  num_kv_shared_layers: z.int().nonnegative().default(15),
  laurel_rank: size.default(64),
  activation_sparsity_pattern: z.array(z.number().nonnegative().lt(1)).nullish(),
});
type Fields = z.output<typeof gemma3nFields>;

export const gemma3nText: Family = {
  modelType: "gemma3n_text",
  names: { ...LLAMA, others: [...LAYER_INPUT_MODULES, "altup_projections", "altup_unembed_projections"] },
  read(config) {
    const c = parseFields("", gemma3nFields, config);
    const [heads, norm] = [headSizes(c), rmsNorms(c.rms_norm_eps)];
    const layers = { ...gemma3nLayers(c), heads: () => heads };
    const { ropes, sources } = layers;
    requireStream(c);
    return decoder(c, heads, {
      modelType: "gemma3n_text",
      norm,
      rope: ropes.full,
      embedded: (x, root) => asStreams(root, scaleEmbedded(x), c.altup_num_inputs),
      closed: (x, root) => asOne(root, x),
      softcap: c.final_logit_softcapping ?? undefined,
      kept: keptOfSources(sources, layers.heads),
      unread: unreadKeys(sources),
      blocks: (pass, start) => blocks(c, norm, layers, pass, start),
    });
  },
};

/** What is of one kind or another, layer by layer. */
export function gemma3nLayers(c: Fields): Omit<AttentionLayers, "heads"> {
  const slides = slidingLayers(c, (layer) => (layer + 1) % 5 !== 0);
  const isShared = c.num_kv_shared_layers < c.num_hidden_layers;
  const sources = keySources(slides, isShared ? c.num_kv_shared_layers : 0);
  const ropes = readRopesByLayer(c, { full: 1_000_000, sliding: c.rope_local_base_freq });
  return { slides, sources, ropes };
}

function requireStream({ altup_active_idx: active, altup_num_inputs: count }: Fields): void {
  if (active < count) return;
  throw notComputed([
    { place: "altup_active_idx", expected: `a number below altup_num_inputs, ${count}`, got: String(active) },
  ]);
}

function blocks(
  c: Fields,
  norm: Norm,
  layers: AttentionLayers,
  pass: Pass,
  { root, x }: BlocksStart,
): BlockPart {
  const attention = gemmaAttention(c, norm, layers, pass);
  const inputs = layerInputs(c, pass, { root, x: streamOf(x, 0) }, norm);
  const [sizes, sparsity] = [perLayer(c, "intermediate_size"), perLayer(c, "activation_sparsity_pattern")];
  const active = c.altup_active_idx;
  return (p, streams, layer) => {
    const normed = (name: string, t: Tensor) => norm(p.at(name), t);
    const altup = p.at("altup");
    const predicted = predict(altup, streams, active, norm);
    const own = streamOf(predicted, active);
    const read = normed("input_layernorm", own);
    const attended = add(own, normed("post_attention_layernorm", attention(p.at("self_attn"), read, layer)));
    const h = scale(add(attended, laurel(c, p.at("laurel"), read, norm)), Math.SQRT1_2);
    const mlp = { size: sizes[layer]!, activation: c.hidden_activation, gate: openGates(sparsity[layer]!) };
    const y = gatedMlp(p.at("mlp"), normed("pre_feedforward_layernorm", h), mlp);
    const made = add(h, normed("post_feedforward_layernorm", y));
    const corrected = correct(altup, predicted, made, active, norm);
    const first = streamOf(corrected, active);
    const scaled = c.altup_correct_scale
      ? mul(first, altup.param("correct_output_scale", [c.hidden_size]))
      : first;
    return addToOthers(corrected, fromLayerInput(c, p, scaled, inputs(layer), norm));
  };
}

/** x and what two narrow layers make of it. */
function laurel(c: Fields, p: Scope, x: Tensor, norm: Norm): Tensor {
  const y = p.linear("linear_right", p.linear("linear_left", x, c.laurel_rank), c.hidden_size);
  return add(x, norm(p.at("post_laurel_norm"), y));
}

/**
 * Closes all gates [T, F] of a token but those above what a normal distribution with their mean and deviation has `sparsity` of its
 * values below.
 */
function openGates(sparsity: number): ((x: Tensor) => Tensor) | undefined {
  if (sparsity === 0) return undefined;
  const deviations = Math.fround(normalQuantile(sparsity));
  return (x) => {
    const centred = sub(x, mean(x, [-1]));
    const above = sub(centred, scale(sqrt(mean(mul(centred, centred), [-1])), deviations));
    return where(less(scalar(0, above), above), above, scalar(0, above));
  };
}

/** Ten layers of the larger models close gates where nothing is said. */
const SPARSE = { layers: 10, sparsity: 0.95 };

export function perLayer(c: Fields, key: "intermediate_size" | "activation_sparsity_pattern"): number[] {
  const count = c.num_hidden_layers;
  const sparse = count > SPARSE.layers ? SPARSE.layers : 0;
  const given = c[key] ?? Array.from({ length: count }, (_, layer) => (layer < sparse ? SPARSE.sparsity : 0));
  const all = typeof given === "number" ? Array<number>(count).fill(given) : given;
  if (all.length === count) return all;
  throw notComputed([
    { place: key, expected: `${count} entries, as num_hidden_layers says`, got: String(all.length) },
  ]);
}
