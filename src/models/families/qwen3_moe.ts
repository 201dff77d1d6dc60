/**
 * Qwen3 with a mixture of experts for an MLP. Adapters sit on its attention: PEFT takes the names of a layer that has one MLP for
 * the experts'. Reference: transformers, models/qwen3_moe/modeling_qwen3_moe.py.
 */
import * as z from "zod";
import { add, mul, sigmoid } from "../../graph/ops/elementwise.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { preNormBlock } from "../blocks.ts";
import { expertCount, headCount, notComputed, parseFields, size } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import { gatedExperts, mixtureOfExperts, routeBySoftmax } from "../experts.ts";
import type { Family, Pass } from "../family.ts";
import { unusedWindow, usedWindow } from "../layer_types.ts";
import { gatedMlp, headSizes, rmsNorms, selfAttention } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";
import type { Scope } from "../scope.ts";

export const qwen3MoeFields = decoderFields.extend({
  num_key_value_heads: headCount.nullable().default(4),
  attention_bias: z.boolean().default(false),
  use_sliding_window: z.boolean().default(false),
  sliding_window: unusedWindow.default(4096),
  decoder_sparse_step: size.default(1),
  mlp_only_layers: z.array(z.int().nonnegative()).nullish(),
  moe_intermediate_size: size,
  num_experts: expertCount.nullish(),
  num_local_experts: expertCount.nullish(),
  num_experts_per_tok: expertCount,
  norm_topk_prob: z.boolean().default(false),
});
type Qwen3MoeFields = z.output<typeof qwen3MoeFields>;

export const qwen3Moe: Family = {
  modelType: "qwen3_moe",
  read(config) {
    const c = parseFields("", qwen3MoeFields, config);
    const [heads, rope, norm] = [headSizes(c), ropeParameters(c), rmsNorms(c.rms_norm_eps)];
    const bias = { qkv: c.attention_bias, o: c.attention_bias };
    const attention = { window: c.use_sliding_window ? usedWindow(c) : undefined };
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, fixed: true };
    const experts = c.num_local_experts ?? c.num_experts; // transformers 5's name, and 4's
    if (!experts) throw notComputed([{ place: "num_experts", problem: "is missing" }]);
    return decoder(c, heads, {
      modelType: "qwen3_moe",
      norm,
      rope,
      blocks(pass) {
        const rotate = rotation(pass, rope, heads.E);
        return preNormBlock(
          norm,
          (p, x, layer) => {
            const prepare = (t: Tensor, name: string) => rotate(norm(p.at(`${name}_norm`), t));
            return selfAttention(pass, layer, p, x, { heads, bias, prepare, attention });
          },
          (p, x, layer) => (isSparse(c, layer) ? sparseMlp(pass, c, experts, p, x) : gatedMlp(p, x, mlp)),
        );
      },
    });
  },
};

interface LayerFields {
  mlp_only_layers?: number[] | null;
  decoder_sparse_step: number;
}

/** Whether a layer has a mixture of experts. */
export const isSparse = ({ mlp_only_layers: dense, decoder_sparse_step: step }: LayerFields, layer: number) =>
  !dense?.includes(layer) && (layer + 1) % step === 0;

type SparseFields = Pick<
  Qwen3MoeFields,
  "hidden_act" | "moe_intermediate_size" | "num_experts_per_tok" | "norm_topk_prob"
>;

export function sparseMlp(pass: Pass, c: SparseFields, count: number, p: Scope, x: Tensor): Tensor {
  const scores = p.linear("gate", x, count, { fixed: true });
  const routing = routeBySoftmax(scores, { chosen: c.num_experts_per_tok, normalized: c.norm_topk_prob });
  const experts = { count, size: c.moe_intermediate_size, activation: c.hidden_act };
  return mixtureOfExperts(pass, x, routing, gatedExperts(p.at("experts"), experts));
}

/**
 * A mixture of experts, and one more whose part a gate of its own decides; no adapter sits on that one where PEFT takes its name for
 * the experts'.
 */
export function withSharedExpert(
  pass: Pass,
  c: SparseFields & { num_experts: number; shared_expert_intermediate_size: number },
  p: Scope,
  x: Tensor,
  { fixed }: { fixed: boolean },
): Tensor {
  const shared = { size: c.shared_expert_intermediate_size, activation: c.hidden_act, fixed };
  const open = sigmoid(p.linear("shared_expert_gate", x, 1)); // [T, 1]
  const always = mul(open, gatedMlp(p.at("shared_expert"), x, shared));
  return add(sparseMlp(pass, c, c.num_experts, p, x), always);
}
