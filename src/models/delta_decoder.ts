/** What the families have in common whose layers learn by a gated delta rule, but for one in four, which attends. */

import * as z from "zod";
import { mul, sigmoid } from "../graph/ops/elementwise.ts";
import { reshape, slice } from "../graph/ops/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type BlockPart, preNormBlock } from "./blocks.ts";
import { headCount, headSize, notComputed, size } from "./config.ts";
import { decoder, decoderFields, LLAMA } from "./decoder.ts";
import type { KeptStates, Model, Names, Pass } from "./family.ts";
import { type DeltaNet, type DeltaNetInputs, deltaNetStates, gatedDeltaNet } from "./gated_delta_net.ts";
import { requireEveryLayer } from "./layer_types.ts";
import { attend, headSizes, rmsNormsFromZero, splitHeads } from "./layers.ts";
import { ropeParameters } from "./rope_config.ts";
import { rotation } from "./rotary.ts";
import type { Scope } from "./scope.ts";

export const deltaFields = decoderFields.extend({
  num_key_value_heads: headCount.nullable().default(4),
  head_dim: headSize.default(256),
  attention_bias: z.boolean().default(false),
  linear_conv_kernel_dim: size.max(64).default(4),
  linear_key_head_dim: headSize.default(128),
  linear_value_head_dim: headSize.default(128),
  linear_num_key_heads: headCount.default(16),
  linear_num_value_heads: headCount.default(32),
  layer_types: z.array(z.enum(["linear_attention", "full_attention"])).nullish(),
  full_attention_interval: size.default(4),
});
export type DeltaFields = z.output<typeof deltaFields>;

/** Whether a layer attends; the others learn by the delta rule. */
export const attends = (c: DeltaFields, layer: number): boolean =>
  c.layer_types ? c.layer_types[layer] === "full_attention" : (layer + 1) % c.full_attention_interval === 0;

/** Every so many layers the last one attends; nothing where they follow no such order. */
export function attentionInterval(c: DeltaFields): number | undefined {
  if (!c.layer_types) return c.full_attention_interval;
  const interval = c.layer_types.indexOf("full_attention") + 1;
  const isRegular = c.layer_types.every((_, layer) => attends(c, layer) === ((layer + 1) % interval === 0));
  return interval > 0 && isRegular ? interval : undefined;
}

/** Files may bring a part that predicts several tokens at once, which transformers passes over. */
export const DELTA_NAMES: Names = { ...LLAMA, beside: ["mtp"] };

export interface DeltaParts {
  /** The first projections of a layer with a delta rule. */
  project: (p: Scope, x: Tensor, net: DeltaNet) => DeltaNetInputs;
  mlp: (pass: Pass) => BlockPart;
}

export function deltaDecoder(modelType: string, c: DeltaFields, { project, mlp }: DeltaParts): Model {
  const [heads, rope, norm] = [
    headSizes(c),
    ropeParameters(c, { rotated: 0.25 }),
    rmsNormsFromZero(c.rms_norm_eps),
  ];
  const net = deltaNet(c);
  requireEveryLayer(c);
  const state = [heads.K, heads.E];
  return decoder(c, heads, {
    modelType,
    norm,
    rope,
    names: DELTA_NAMES,
    normStart: 0,
    startFromOne: /\.linear_attn\.(norm\.weight|dt_bias)$/,
    kept: (layer): KeptStates => (attends(c, layer) ? { key: state, value: state } : deltaNetStates(net)),
    blocks(pass) {
      const learning: BlockPart = (p, x, layer) =>
        p.linear("out_proj", gatedDeltaNet(pass, layer, p, project(p, x, net), net), c.hidden_size);
      const block = (part: BlockPart, attention: string) =>
        preNormBlock(norm, part, mlp(pass), { attention });
      const [attending, others] = [
        block(gatedAttention(c, pass), "self_attn"),
        block(learning, "linear_attn"),
      ];
      return (p, x, layer) => (attends(c, layer) ? attending : others)(p, x, layer);
    },
  });
}

function deltaNet(c: DeltaFields): DeltaNet {
  const [H, values] = [c.linear_num_key_heads, c.linear_num_value_heads];
  if (values % H !== 0)
    throw notComputed([
      {
        place: "linear_num_value_heads",
        expected: `a multiple of linear_num_key_heads, ${H}`,
        got: String(values),
      },
    ]);
  return {
    ...{ H, G: values / H, Dk: c.linear_key_head_dim, Dv: c.linear_value_head_dim },
    ...{ size: c.linear_conv_kernel_dim, activation: c.hidden_act, eps: c.rms_norm_eps },
  };
}

/** Attention with normed query and key heads, whose output is gated by what q_proj gives behind each query head. */
function gatedAttention(c: DeltaFields, pass: Pass): BlockPart {
  const [{ K, G, E }, bias, norm] = [headSizes(c), c.attention_bias, rmsNormsFromZero(c.rms_norm_eps)];
  const rotate = rotation(pass, ropeParameters(c, { rotated: 0.25 }), E);
  return (p, x, layer) => {
    const prepare = (t: Tensor, name: string) => rotate(norm(p.at(`${name}_norm`), t));
    const both = splitHeads(p.linear("q_proj", x, 2 * K * G * E, { bias }), K, G, 2 * E);
    const single = (name: string) => splitHeads(p.linear(name, x, K * E, { bias }), K, 1, E);
    const q = prepare(slice(both, -1, 0, E), "q");
    const y = attend(pass, layer, { q, k: prepare(single("k_proj"), "k"), v: single("v_proj") });
    const gate = reshape(slice(both, -1, E, 2 * E), y.shape);
    return p.linear("o_proj", mul(y, sigmoid(gate)), c.hidden_size, { bias });
  };
}
