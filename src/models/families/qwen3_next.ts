/**
 * Qwen3-Next: Qwen3.5's layers with a mixture of experts for an MLP, one of them for every token.
 * Reference: transformers, models/qwen3_next/modeling_qwen3_next.py.
 */
import * as z from "zod";
import { concat, reshape, slice } from "../../graph/ops/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { expertCount, headCount, parseFields, size } from "../config.ts";
import { DELTA_NAMES, type DeltaParts, deltaDecoder, deltaFields } from "../delta_decoder.ts";
import type { Family } from "../family.ts";
import { gatedMlp } from "../layers.ts";
import { isSparse, withSharedExpert } from "../qwen_experts.ts";

export const qwen3NextFields = deltaFields.extend({
  num_key_value_heads: headCount.nullable().default(2),
  decoder_sparse_step: size.default(1),
  mlp_only_layers: z.array(z.int().nonnegative()).nullish(),
  moe_intermediate_size: size.default(512),
  shared_expert_intermediate_size: size.default(512),
  num_experts: z.int().nonnegative().max(4096).default(512),
  num_experts_per_tok: expertCount.default(10),
  norm_topk_prob: z.boolean().default(true),
});

export const qwen3Next: Family = {
  modelType: "qwen3_next",
  names: DELTA_NAMES,
  read(config) {
    const c = parseFields("", qwen3NextFields, config);
    const mlp = { size: c.intermediate_size, activation: c.hidden_act, fixed: true };
    const sparse = (layer: number) => c.num_experts > 0 && isSparse(c, layer);
    return deltaDecoder("qwen3_next", c, {
      project,
      mlp: (pass) => (p, x, layer) =>
        sparse(layer) ? withSharedExpert(pass, c, p, x, { fixed: true }) : gatedMlp(p, x, mlp),
    });
  },
};

/** Two projections, each with all that belongs to a key head side by side. */
const project: DeltaParts["project"] = (p, x, { H, G, Dk, Dv }) => {
  const T = x.shape[0]!;
  const byHead = (name: string, width: number) => reshape(p.linear(name, x, H * width), [T, H, width]);
  const flat = (t: Tensor) => reshape(t, [T, H * (t.shape[2] as number)]);
  const [all, rates] = [byHead("in_proj_qkvz", 2 * Dk + 2 * G * Dv), byHead("in_proj_ba", 2 * G)];
  const part = (t: Tensor, from: number, width: number) => flat(slice(t, 2, from, from + width));
  const [q, k] = [part(all, 0, Dk), part(all, Dk, Dk)];
  return {
    mixed: concat([q, k, part(all, 2 * Dk, G * Dv)], 1),
    z: part(all, 2 * Dk + G * Dv, G * Dv),
    b: part(rates, 0, G),
    a: part(rates, G, G),
  };
};
