/**
 * Mixtral: Mistral with a mixture of experts for an MLP. Adapters sit on its attention; experts and router stay as they are.
 * Reference: transformers, models/mixtral/modeling_mixtral.py.
 */
import * as z from "zod";
import { add } from "../../graph/ops/elementwise.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { expertCount, headCount, parseFields, size } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import { gatedExperts, mixtureOfExperts, routeBySoftmax } from "../experts.ts";
import type { Family, Pass } from "../family.ts";
import { headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";
import type { Scope } from "../scope.ts";

export const mixtralFields = decoderFields.extend({
  num_key_value_heads: headCount.nullable().default(8),
  rms_norm_eps: z.number().nonnegative().default(1e-5),
  sliding_window: size.nullish(),
  num_local_experts: expertCount.default(8),
  num_experts_per_tok: expertCount.default(2),
});
type MixtralFields = z.output<typeof mixtralFields>;

export const mixtral: Family = {
  modelType: "mixtral",
  aliases: { num_experts: "num_local_experts" },
  read(config) {
    const c = parseFields("", mixtralFields, config);
    const [heads, norm] = [headSizes(c), rmsNorms(c.rms_norm_eps)];
    const rope = ropeParameters(c, { theta: 1_000_000 });
    const attention = { window: c.sliding_window ?? undefined };
    return decoder(c, heads, {
      modelType: "mixtral",
      norm,
      rope,
      blocks(pass) {
        const prepare = rotation(pass, rope, heads.E);
        return (p, x, layer) => {
          const normed = norm(p.at("input_layernorm"), x);
          const options = { heads, prepare, attention };
          const h = add(x, selfAttention(pass, layer, p.at("self_attn"), normed, options));
          return add(h, sparseMlp(pass, c, p, norm(p.at("post_attention_layernorm"), h)));
        };
      },
    });
  },
};

const NAMES = { gate: "w1", up: "w3", down: "w2" };

function sparseMlp(pass: Pass, c: MixtralFields, block: Scope, x: Tensor): Tensor {
  const p = block.at("block_sparse_moe");
  const scores = p.linear("gate", x, c.num_local_experts, { fixed: true });
  const routing = routeBySoftmax(scores, { chosen: c.num_experts_per_tok, normalized: true });
  const experts = { count: c.num_local_experts, size: c.intermediate_size, activation: c.hidden_act };
  return mixtureOfExperts(
    pass,
    x,
    routing,
    gatedExperts(p.at("experts"), experts, NAMES, block.at("mlp.experts")),
  );
}
