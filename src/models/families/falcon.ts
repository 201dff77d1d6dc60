/**
 * Falcon: queries, keys and values in one projection, group by group; attention beside a plain MLP, or before it.
 * Reference: transformers, models/falcon/modeling_falcon.py. Its dropouts are not applied.
 */
import * as z from "zod";
import { add } from "../../graph/ops/elementwise.ts";
import { reshape, slice } from "../../graph/ops/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { BlockPart } from "../blocks.ts";
import { activation, headCount, parseFields, size } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family, Names } from "../family.ts";
import { attend, type HeadSizes, type Heads, headSizes, layerNorms, type Norm, plainMlp } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";
import type { Scope } from "../scope.ts";
import { NEOX_MLP } from "./gpt_neox.ts";

export const falconFields = decoderFields.omit({ intermediate_size: true }).extend({
  ffn_hidden_size: size.nullish(),
  num_kv_heads: headCount.nullish(),
  activation: activation.default("gelu"),
  layer_norm_epsilon: z.number().nonnegative().default(1e-5),
  tie_word_embeddings: z.boolean().default(true),
  alibi: z.literal(false, "attune computes Falcon with rotated positions, not with ALiBi").default(false),
  multi_query: z.boolean().default(true),
  parallel_attn: z.boolean().default(true),
  new_decoder_architecture: z.boolean().default(false),
  num_ln_in_parallel_attn: z.literal([1, 2]).nullish(),
  bias: z.boolean().default(false),
});
const ENDS = { embedding: "word_embeddings", norm: "ln_f", head: "lm_head" };
const NAMES: Names = { root: "transformer", layers: "h", ...ENDS };

export const falcon: Family = {
  modelType: "falcon",
  names: NAMES,
  aliases: { n_embed: "hidden_size" },
  read(config) {
    const c = parseFields("", falconFields, config);
    const [{ hidden_size: D, bias }, norm] = [c, layerNorms(c.layer_norm_epsilon)];
    const older = c.multi_query ? 1 : undefined;
    const groups = c.new_decoder_architecture ? c.num_kv_heads : older; // as many as heads, where undefined
    const heads = headSizes({ ...c, head_dim: undefined, num_key_value_heads: groups });
    const rope = ropeParameters(c);
    const mlp = { size: c.ffn_hidden_size ?? 4 * D, activation: c.activation, bias };
    return decoder(c, heads, {
      modelType: "falcon",
      norm,
      rope,
      names: NAMES,
      blocks(pass) {
        const rotate = rotation(pass, rope, heads.E);
        const attention: BlockPart = (p, x, layer) => {
          const { q, k, v } = groupedHeads(p, x, heads, bias);
          return p.linear("dense", attend(pass, layer, { q: rotate(q), k: rotate(k), v }), D, { bias });
        };
        return falconBlock(c, norm, attention, (p, x) => plainMlp(p.at("mlp"), x, mlp, NEOX_MLP));
      },
    });
  },
};

function falconBlock(
  c: z.output<typeof falconFields>,
  norm: Norm,
  attention: BlockPart,
  mlp: BlockPart,
): BlockPart {
  const norms = c.num_ln_in_parallel_attn ?? (c.new_decoder_architecture ? 2 : 1);
  const isTwice = c.parallel_attn && norms === 2;
  return (p, x, layer) => {
    const normed = norm(p.at(isTwice ? "ln_attn" : "input_layernorm"), x);
    const h = add(x, attention(p.at("self_attention"), normed, layer));
    if (isTwice) return add(h, mlp(p, norm(p.at("ln_mlp"), x), layer));
    if (c.parallel_attn) return add(h, mlp(p, normed, layer));
    return add(h, mlp(p, norm(p.at("post_attention_layernorm"), h), layer));
  };
}

/** query_key_value: each group's queries, its key and its value side by side. */
function groupedHeads(p: Scope, x: Tensor, { K, G, E }: HeadSizes, bias: boolean): Heads {
  const qkv = p.linear("query_key_value", x, K * (G + 2) * E, { bias });
  const apart = reshape(qkv, [x.shape[0]!, K, G + 2, E]);
  return { q: slice(apart, 2, 0, G), k: slice(apart, 2, G, G + 1), v: slice(apart, 2, G + 1, G + 2) };
}
