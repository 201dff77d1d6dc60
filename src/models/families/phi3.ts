/**
 * Phi-3: Llama's decoder with q, k and v in one projection, gate and up in another, and only the front of a head rotated.
 * Reference: transformers, models/phi3/modeling_phi3.py. Its dropouts are not applied.
 */
import * as z from "zod";
import { slice } from "../../graph/ops/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { preNormBlock } from "../blocks.ts";
import { parseFields, size } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family } from "../family.ts";
import {
  attend,
  fusedGatedMlp,
  type HeadSizes,
  type Heads,
  headSizes,
  rmsNorms,
  splitHeads,
} from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";
import type { Scope } from "../scope.ts";

export const phi3Fields = decoderFields.extend({
  rms_norm_eps: z.number().nonnegative().default(1e-5),
  original_max_position_embeddings: size.default(4096),
  sliding_window: size.nullish(),
});

// Earlier files call longrope "su", or "yarn".
export const PHI3_ROPE = { rotated: 1, aliases: { su: "longrope", yarn: "longrope" } } as const;

export const phi3: Family = {
  modelType: "phi3",
  read(config) {
    const c = parseFields("", phi3Fields, config);
    const [heads, rope, norm] = [headSizes(c), ropeParameters(c, PHI3_ROPE), rmsNorms(c.rms_norm_eps)];
    const mlp = { size: c.intermediate_size, activation: c.hidden_act };
    return decoder(c, heads, {
      modelType: "phi3",
      norm,
      rope,
      blocks(pass) {
        const rotate = rotation(pass, rope, heads.E);
        return preNormBlock(
          norm,
          (p, x, layer) => {
            const { q, k, v } = fusedHeads(p, x, heads);
            const ready = { q: rotate(q), k: rotate(k), v };
            const y = attend(pass, layer, ready, { window: c.sliding_window ?? undefined });
            return p.linear("o_proj", y, c.hidden_size);
          },
          (p, x) => fusedGatedMlp(p, x, mlp),
        );
      },
    });
  },
};

/** qkv_proj: all queries, then all keys, then all values. */
function fusedHeads(p: Scope, x: Tensor, { K, G, E }: HeadSizes): Heads {
  const qkv = p.linear("qkv_proj", x, K * (G + 2) * E);
  const part = (from: number, groups: number) =>
    splitHeads(slice(qkv, -1, K * from * E, K * (from + groups) * E), K, groups, E);
  return { q: part(0, G), k: part(G, 1), v: part(G + 1, 1) };
}
