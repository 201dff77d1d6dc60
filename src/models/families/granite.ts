/** Granite: Llama's decoder with four factors of its own. Reference: transformers, models/granite/modeling_granite.py. */
import * as z from "zod";
import { scale } from "../../graph/ops/elementwise.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { type BlockPart, preNormBlock } from "../blocks.ts";
import { parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family, Model, Pass } from "../family.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { type RopeParameters, ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

const factor = z.number().positive().default(1);
export const graniteFields = decoderFields.extend({
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  embedding_multiplier: factor,
  attention_multiplier: factor,
  residual_multiplier: factor,
  logits_scaling: factor,
});

const shared = graniteFields.omit({ intermediate_size: true, mlp_bias: true });
type Fields = z.output<typeof shared>;

export interface GraniteParts {
  modelType: string;
  /** Left out where positions aren't rotated in. */
  rope?: RopeParameters;
  mlp: (pass: Pass) => BlockPart;
  /** The MLP's name in a block, when it isn't `mlp`. */
  name?: string;
}

/** What Granite's models have in common: all but the MLP. */
export function graniteDecoder(c: Fields, { modelType, rope, mlp, name = "mlp" }: GraniteParts): Model {
  const [heads, norm] = [headSizes(c), rmsNorms(c.rms_norm_eps)];
  const bias = { qkv: c.attention_bias, o: c.attention_bias };
  const attention = { scale: c.attention_multiplier };
  return decoder(c, heads, {
    modelType,
    norm,
    rope,
    embedded: (x) => scale(x, c.embedding_multiplier),
    logitScale: 1 / c.logits_scaling,
    blocks(pass) {
      const prepare = rope ? rotation(pass, rope, heads.E) : (t: Tensor) => t;
      return preNormBlock(
        norm,
        (p, x, layer) => selfAttention(pass, layer, p, x, { heads, bias, prepare, attention }),
        mlp(pass),
        { residual: c.residual_multiplier, mlp: name },
      );
    },
  });
}

export const granite: Family = {
  modelType: "granite",
  read(config) {
    const c = parseFields("", graniteFields, config);
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, bias: c.mlp_bias };
    return graniteDecoder(c, {
      modelType: "granite",
      rope: ropeParameters(c),
      mlp: () => (p, x) => gatedMlp(p, x, mlp),
    });
  },
};
