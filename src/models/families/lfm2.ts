/**
 * LFM2: most layers mix a token with the two before it by a gated convolution, the others attend, with normed query and key
 * heads. Reference: transformers, models/lfm2/modeling_lfm2.py.
 */
import * as z from "zod";
import type { Tensor } from "../../graph/tensor.ts";
import { type BlockPart, preNormBlock } from "../blocks.ts";
import { headCount, parseFields, size } from "../config.ts";
import { decoder, decoderFields, LLAMA } from "../decoder.ts";
import type { Family, KeptStates } from "../family.ts";
import { requireEveryLayer } from "../layer_types.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";
import { gatedConvolution } from "../short_convolution.ts";

export const lfm2Fields = decoderFields.extend({
  num_key_value_heads: headCount.nullable().default(8),
  norm_eps: z.number().nonnegative().default(1e-5),
  tie_word_embeddings: z.boolean().default(true),
  layer_types: z.array(z.enum(["full_attention", "conv"])).nullish(),
  full_attn_idxs: z.array(z.int().nonnegative()).nullish(),
  conv_bias: z.boolean().default(false),
  conv_L_cache: size.max(64).default(3),
  block_auto_adjust_ff_dim: z.boolean().default(true),
  block_ffn_dim_multiplier: z.number().positive().nullable().default(1),
  block_multiple_of: size.default(256),
});
type Lfm2Fields = z.output<typeof lfm2Fields>;

const BLOCK = { attentionNorm: "operator_norm", mlpNorm: "ffn_norm", mlp: "feed_forward" };
const MLP = { gate: "w1", up: "w3", down: "w2" };

export const lfm2: Family = {
  modelType: "lfm2",
  names: { ...LLAMA, norm: "embedding_norm" },
  aliases: { tie_embedding: "tie_word_embeddings", block_ff_dim: "intermediate_size" },
  read(config) {
    const c = parseFields("", lfm2Fields, config);
    const [heads, norm] = [headSizes(c), rmsNorms(c.norm_eps)];
    requireEveryLayer(c);
    const rope = ropeParameters(c, { theta: 1_000_000 });
    const mlp = { size: mlpSize(c), activation: "silu" } as const;
    const state = [heads.K, heads.E];
    return decoder(c, heads, {
      modelType: "lfm2",
      norm,
      rope,
      names: lfm2.names,
      kept: (layer): KeptStates =>
        lfm2Attends(c, layer) ? { key: state, value: state } : { convolved: [c.hidden_size] },
      blocks(pass) {
        const rotate = rotation(pass, rope, heads.E);
        const attention: BlockPart = (p, x, layer) => {
          const prepare = (t: Tensor, name: string) => rotate(norm(p.at(`${name}_layernorm`), t));
          return selfAttention(pass, layer, p, x, { heads, prepare, output: "out_proj" });
        };
        const convolution: BlockPart = (p, x, layer) =>
          gatedConvolution(pass, layer, p, x, { size: c.conv_L_cache, bias: c.conv_bias });
        const block = (part: BlockPart, name: string) =>
          preNormBlock(norm, part, (p, x) => gatedMlp(p, x, mlp, MLP), { ...BLOCK, attention: name });
        const attending = block(attention, "self_attn");
        const convolving = block(convolution, "conv");
        return (p, x, layer) => (lfm2Attends(c, layer) ? attending : convolving)(p, x, layer);
      },
    });
  },
};

/** Whether a layer attends; the others convolve. */
export const lfm2Attends = (c: Lfm2Fields, layer: number): boolean =>
  c.layer_types ? c.layer_types[layer] === "full_attention" : (c.full_attn_idxs?.includes(layer) ?? true);

/** Two thirds of intermediate_size, widened and rounded up. */
export function mlpSize(c: Lfm2Fields): number {
  if (!c.block_auto_adjust_ff_dim) return c.intermediate_size;
  const third = Math.trunc((2 * c.intermediate_size) / 3);
  const [multiplier, multiple] = [c.block_ffn_dim_multiplier, c.block_multiple_of];
  return multiplier === null ? third : multiple * Math.ceil(Math.trunc(multiplier * third) / multiple);
}
