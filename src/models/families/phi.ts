/**
 * Phi (Phi-1, 1.5 and 2): attention and a plain MLP side by side, biases everywhere, on the logits too, and only the front of
 * a head rotated. Reference: transformers, models/phi/modeling_phi.py. Its dropouts are not applied.
 */
import * as z from "zod";
import type { Tensor } from "../../graph/tensor.ts";
import { parallelBlock } from "../blocks.ts";
import { activation, parseFields } from "../config.ts";
import { decoder, decoderFields, LLAMA } from "../decoder.ts";
import type { Family, Names } from "../family.ts";
import { headSizes, layerNorms, plainMlp, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

export const phiFields = decoderFields.extend({
  hidden_act: activation.default("gelu_new"),
  layer_norm_eps: z.number().nonnegative().default(1e-5),
  qk_layernorm: z.boolean().default(false),
});

const NAMES: Names = { ...LLAMA, norm: "final_layernorm" };

export const phi: Family = {
  modelType: "phi",
  names: NAMES,
  read(config) {
    const c = parseFields("", phiFields, config);
    const [heads, norm] = [headSizes(c), layerNorms(c.layer_norm_eps)];
    const rope = ropeParameters(c, { rotated: 0.5 });
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, bias: true };
    return decoder(c, heads, {
      modelType: "phi",
      norm,
      rope,
      names: NAMES,
      headBias: true,
      blocks(pass) {
        const rotate = rotation(pass, rope, heads.E);
        return parallelBlock(
          norm,
          (p, x, layer) =>
            selfAttention(pass, layer, p, x, {
              heads,
              bias: { qkv: true, o: true },
              output: "dense",
              prepare: (t: Tensor, name) => rotate(c.qk_layernorm ? norm(p.at(`${name}_layernorm`), t) : t),
            }),
          (p, x) => plainMlp(p, x, mlp, { up: "fc1", down: "fc2" }),
        );
      },
    });
  },
};
