/**
 * ERNIE 4.5 with a mixture of experts, beside some for every token. Adapters sit on attention: PEFT takes the names of other
 * MLPs for the experts'. Reference: transformers, models/ernie4_5_moe/modeling_ernie4_5_moe.py.
 */
import * as z from "zod";
import { add } from "../../graph/ops/elementwise.ts";
import { softmax } from "../../graph/ops/softmax.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { preNormBlock } from "../blocks.ts";
import { expertCount, headCount, headSize, parseFields, size } from "../config.ts";
import { decoder, LLAMA } from "../decoder.ts";
import { gatedExperts, mixtureOfExperts, routeWithBias } from "../experts.ts";
import type { Family, Pass } from "../family.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotationOfNeighbours } from "../rotary.ts";
import type { Scope } from "../scope.ts";
import { ernie45Fields } from "./ernie4_5.ts";

export const ernieMoeFields = ernie45Fields.extend({
  num_key_value_heads: headCount.nullable().default(4),
  head_dim: headSize.nullish(),
  moe_intermediate_size: size.default(1536),
  moe_k: expertCount.default(6),
  moe_num_experts: expertCount.default(64),
  moe_num_shared_experts: z.int().nonnegative().max(4096).default(2),
  moe_layer_start_index: z.int().nonnegative().default(1),
  moe_layer_end_index: z.int().default(-1),
  moe_layer_interval: size.default(1),
  moe_norm_min: z.number().nonnegative().default(1e-12),
});
type Fields = z.output<typeof ernieMoeFields>;

export const ernie45Moe: Family = {
  modelType: "ernie4_5_moe",
  aliases: { num_experts: "moe_num_experts", num_experts_per_tok: "moe_k" },
  names: { ...LLAMA, beside: ["mtp"] },
  read(config) {
    const c = parseFields("", ernieMoeFields, config);
    const [heads, norm] = [headSizes(c), rmsNorms(c.rms_norm_eps)];
    const rope = ropeParameters(c, { theta: 500_000 });
    const bias = { qkv: c.use_bias, o: c.use_bias };
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, bias: c.use_bias, fixed: true };
    const last = c.moe_layer_end_index === -1 ? c.num_hidden_layers - 1 : c.moe_layer_end_index;
    const sparse = (layer: number) =>
      (layer + 1) % c.moe_layer_interval === 0 && layer >= c.moe_layer_start_index && layer <= last;
    return decoder(c, heads, {
      modelType: "ernie4_5_moe",
      norm,
      rope,
      headBias: c.use_bias,
      blocks(pass) {
        const prepare = rotationOfNeighbours(pass, rope, heads.E);
        return preNormBlock(
          norm,
          (p, x, layer) => selfAttention(pass, layer, p, x, { heads, bias, prepare }),
          (p, x, layer) => (sparse(layer) ? mixture(pass, c, p, x) : gatedMlp(p, x, mlp)),
        );
      },
    });
  },
};

function mixture(pass: Pass, c: Fields, p: Scope, x: Tensor): Tensor {
  const [count, activation, size] = [c.moe_num_experts, c.hidden_act, c.moe_intermediate_size];
  const shares = softmax(p.linear("gate", x, count, { fixed: true }));
  const bias = p.at("moe_statics").buffer("e_score_correction_bias", [1, count]);
  const routing = routeWithBias(shares, add(shares, bias), c.moe_k, c.moe_norm_min);
  const y = mixtureOfExperts(pass, x, routing, gatedExperts(p.at("experts"), { count, size, activation }));
  if (c.moe_num_shared_experts === 0) return y;
  const shared = { size: size * c.moe_num_shared_experts, activation, bias: c.use_bias, fixed: true };
  return add(y, gatedMlp(p.at("shared_experts"), x, shared));
}
