/**
 * DeepSeek's latent attention: keys and values of all heads are made of one short vector a token, and one key is rotated for all
 * (DeepSeek-AI 2024, https://arxiv.org/abs/2405.04434).
 */
import * as z from "zod";
import { concat, expandLike, reshape, slice } from "../graph/ops/shape.ts";
import { zerosLike } from "../graph/ops/zeros.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { BlockPart } from "./blocks.ts";
import { headSize, hiddenSize, notComputed, parseFields } from "./config.ts";
import { type DecoderFields, decoderFields } from "./decoder.ts";
import type { Pass } from "./family.ts";
import { attend, type HeadSizes, rmsNorms, splitHeads } from "./layers.ts";
import { ropeParameters } from "./rope_config.ts";
import { rotation, rotationOfNeighbours } from "./rotary.ts";
import type { Scope } from "./scope.ts";

export const latentFields = decoderFields.extend({
  attention_bias: z.boolean().default(false),
  kv_lora_rank: hiddenSize.default(512),
  q_lora_rank: hiddenSize.nullable().default(1536),
  qk_nope_head_dim: headSize.default(128),
  qk_rope_head_dim: headSize.default(64),
  v_head_dim: headSize.default(128),
});
export type LatentFields = z.output<typeof latentFields>;

/** Its norms have an epsilon of their own. */
const latentNorm = rmsNorms(1e-6);

/** Heads as attention meets them: queries, keys and values of one size, where the shorter of them end in zeros. */
export function latentHeads(c: LatentFields): HeadSizes {
  const heads = c.num_attention_heads;
  if ((c.num_key_value_heads ?? heads) !== heads)
    throw notComputed([
      {
        place: "num_key_value_heads",
        expected: `${heads}, as many as num_attention_heads`,
        got: String(c.num_key_value_heads),
      },
    ]);
  return { K: heads, G: 1, E: Math.max(c.qk_nope_head_dim + c.qk_rope_head_dim, c.v_head_dim) };
}

export const latentRope = (c: LatentFields) => ropeParameters(c);

/** @param neighbours what is rotated is paired by neighbours, and not half with half */
export function latentAttention(
  c: LatentFields,
  pass: Pass,
  { neighbours }: { neighbours: boolean },
): BlockPart {
  const [N, R, V] = [c.qk_nope_head_dim, c.qk_rope_head_dim, c.v_head_dim];
  const { K: H, E } = latentHeads(c);
  const rotate = (neighbours ? rotationOfNeighbours : rotation)(pass, latentRope(c), R);
  const options = { scale: attentionScale(c) };
  const bias = c.attention_bias;
  const padded = (x: Tensor, size: number) => (size === E ? x : concat([x, zerosLike(x, 3, E - size)], 3));
  return (p, x, layer) => {
    const q = splitHeads(queries(c, p, x, H * (N + R)), H, 1, N + R);
    const turned = concat([slice(q, -1, 0, N), rotate(slice(q, -1, N, N + R))], -1);
    const both = p.linear("kv_a_proj_with_mqa", x, c.kv_lora_rank + R, { bias });
    const latent = latentNorm(p.at("kv_a_layernorm"), slice(both, -1, 0, c.kv_lora_rank));
    const kv = splitHeads(p.linear("kv_b_proj", latent, H * (N + V)), H, 1, N + V);
    const own = slice(kv, -1, 0, N);
    const shared = rotate(splitHeads(slice(both, -1, c.kv_lora_rank, c.kv_lora_rank + R), 1, 1, R)); // [T, 1, 1, R]
    const k = concat([own, expandLike(shared, zerosLike(own, 3, R))], -1);
    const v = slice(kv, -1, N, N + V);
    const heads = { q: padded(turned, N + R), k: padded(k, N + R), v: padded(v, V) };
    const y = slice(splitHeads(attend(pass, layer, heads, options), H, 1, E), -1, 0, V);
    return p.linear("o_proj", reshape(y, [x.shape[0]!, H * V]), c.hidden_size, { bias });
  };
}

function queries(c: LatentFields, p: Scope, x: Tensor, out: number): Tensor {
  if (c.q_lora_rank === null) return p.linear("q_proj", x, out);
  const short = p.linear("q_a_proj", x, c.q_lora_rank, { bias: c.attention_bias });
  return p.linear("q_b_proj", latentNorm(p.at("q_a_layernorm"), short), out);
}

const scaled = z.looseObject({ factor: z.number().positive(), mscale_all_dim: z.number() });

/** Of the queries' size, and of how far YaRN stretches. */
const attentionScale = (c: LatentFields): number =>
  (c.qk_nope_head_dim + c.qk_rope_head_dim) ** -0.5 * attentionStretch(c) ** 2;

/** What queries, and keys, are multiplied with where YaRN stretches. */
export function attentionStretch(c: LatentFields): number {
  const [place, fields] = ropeOf(c);
  if (latentRope(c).type === "default" || !fields.mscale_all_dim) return 1;
  const { factor, mscale_all_dim: m } = parseFields(place, scaled, fields);
  return factor <= 1 ? 1 : 0.1 * m * Math.log(factor) + 1;
}

const ropeOf = ({
  rope_scaling,
  rope_parameters,
}: Pick<DecoderFields, "rope_scaling" | "rope_parameters">) =>
  rope_scaling && Object.keys(rope_scaling).length > 0
    ? (["rope_scaling", rope_scaling] as const)
    : (["rope_parameters", rope_parameters ?? {}] as const);
