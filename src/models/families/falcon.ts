/**
 * Falcon: queries, keys and values in one projection, group by group; attention and a plain MLP side by side, or one after
 * the other in the first sizes. Reference: transformers, models/falcon/modeling_falcon.py. Its dropouts are not applied.
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

const falconFields = decoderFields.omit({ intermediate_size: true }).extend({
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
type FalconFields = z.output<typeof falconFields>;

const NAMES: Names = {
  ...{ root: "transformer", embedding: "word_embeddings", layers: "h", norm: "ln_f", head: "lm_head" },
};
const MLP_NAMES = { up: "dense_h_to_4h", down: "dense_4h_to_h" };

export const falcon: Family = {
  modelType: "falcon",
  names: NAMES,
  aliases: { n_embed: "hidden_size" },
  read(config) {
    const c = parseFields("", falconFields, config);
    const [D, norm] = [c.hidden_size, layerNorms(c.layer_norm_epsilon)];
    const shared = c.multi_query ? 1 : c.num_attention_heads;
    const groups = c.new_decoder_architecture ? (c.num_kv_heads ?? c.num_attention_heads) : shared;
    const heads = headSizes({ ...c, head_dim: undefined, num_key_value_heads: groups });
    const rope = ropeParameters(c);
    const mlp = { size: c.ffn_hidden_size ?? 4 * D, activation: c.activation, bias: c.bias };
    return decoder(c, heads, {
      modelType: "falcon",
      norm,
      rope,
      names: NAMES,
      blocks(pass) {
        const rotate = rotation(pass, rope, heads.E);
        return falconBlock(
          c,
          norm,
          (p, x, layer) => {
            const own = p.at("self_attention");
            const all = heads.K * (heads.G + 2) * heads.E;
            const { q, k, v } = groupedHeads(own.linear("query_key_value", x, all, { bias: c.bias }), heads);
            const y = attend(pass, layer, { q: rotate(q), k: rotate(k), v });
            return own.linear("dense", y, D, { bias: c.bias });
          },
          (p, x) => plainMlp(p.at("mlp"), x, mlp, MLP_NAMES),
        );
      },
    });
  },
};

function falconBlock(c: FalconFields, norm: Norm, attention: BlockPart, mlp: BlockPart): BlockPart {
  const isNew = c.new_decoder_architecture;
  const isTwice = c.parallel_attn && (c.num_ln_in_parallel_attn ?? (isNew ? 2 : 1)) === 2;
  return (p, x, layer) => {
    const normed = norm(p.at(isTwice ? "ln_attn" : "input_layernorm"), x);
    const h = add(x, attention(p, normed, layer));
    if (isTwice) return add(h, mlp(p, norm(p.at("ln_mlp"), x), layer));
    if (c.parallel_attn) return add(h, mlp(p, normed, layer));
    return add(h, mlp(p, norm(p.at("post_attention_layernorm"), h), layer));
  };
}

/** qkv [T, K·(G + 2)·E]: each group's queries, its key and its value side by side. */
function groupedHeads(qkv: Tensor, { K, G, E }: HeadSizes): Heads {
  const apart = reshape(qkv, [qkv.shape[0]!, K, G + 2, E]);
  return { q: slice(apart, 2, 0, G), k: slice(apart, 2, G, G + 1), v: slice(apart, 2, G + 1, G + 2) };
}
