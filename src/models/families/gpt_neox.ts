/**
 * GPT-NeoX (Pythia): layer norms, biases, q, k and v in one projection head by head, only the front of a head rotated,
 * attention and MLP side by side. Reference: transformers, models/gpt_neox/modeling_gpt_neox.py. Its dropouts are not
 * applied.
 */
import * as z from "zod";
import { add } from "../../graph/ops/elementwise.ts";
import { reshape, slice } from "../../graph/ops/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { activation, notComputed, parseFields } from "../config.ts";
import { decoder, decoderFields } from "../decoder.ts";
import type { Family, Names } from "../family.ts";
import { attend, type HeadSizes, type Heads, headSizes, layerNorms, plainMlp } from "../layers.ts";
import { ropeParameters } from "../rope_config.ts";
import { rotation } from "../rotary.ts";

// A head_dim and key/value heads of their own are other families'.
export const gptNeoxFields = decoderFields.extend({
  hidden_act: activation.default("gelu"),
  layer_norm_eps: z.number().nonnegative().default(1e-5),
  use_parallel_residual: z.boolean().default(true),
  attention_bias: z.boolean().default(true),
  rotary_pct: z.number().positive().max(1).default(0.25),
  rotary_emb_base: z.number().positive().default(10_000),
});

export const NEOX_MLP = { up: "dense_h_to_4h", down: "dense_4h_to_h" };
const NAMES: Names = {
  root: "gpt_neox",
  embedding: "embed_in",
  layers: "layers",
  norm: "final_layer_norm",
  head: "embed_out",
  headAlias: "lm_head",
};

export const gptNeox: Family = {
  modelType: "gpt_neox",
  names: NAMES,
  read(config) {
    const c = parseFields("", gptNeoxFields, config);
    const { hidden_size: D, intermediate_size: F } = c;
    const E = D / c.num_attention_heads;
    if (c.head_dim && c.head_dim !== E)
      throw notComputed([
        { place: "head_dim", expected: `${E}, hidden_size / num_attention_heads`, got: String(c.head_dim) },
      ]);
    const [heads, norm] = [
      headSizes({ hidden_size: D, num_attention_heads: c.num_attention_heads }),
      layerNorms(c.layer_norm_eps),
    ];
    // transformers reads neither rope_theta nor partial_rotary_factor here, but for those in rope_parameters.
    const spelled = { ...c, rope_theta: undefined, partial_rotary_factor: undefined };
    const rope = ropeParameters(spelled, { theta: c.rotary_emb_base, rotated: c.rotary_pct });
    const bias = { bias: c.attention_bias };
    const mlp = { size: F, activation: c.hidden_act, bias: true };
    return decoder(c, heads, {
      modelType: "gpt_neox",
      norm,
      rope,
      names: NAMES,
      blocks(pass) {
        const rotate = rotation(pass, rope, heads.E);
        return (p, x, layer) => {
          const own = p.at("attention");
          const qkv = own.linear("query_key_value", norm(p.at("input_layernorm"), x), 3 * D, bias);
          const { q, k, v } = interleavedHeads(qkv, heads);
          const y = attend(pass, layer, { q: rotate(q), k: rotate(k), v });
          const h = add(x, own.linear("dense", y, D, bias));
          const seen = c.use_parallel_residual ? x : h;
          return add(h, plainMlp(p.at("mlp"), norm(p.at("post_attention_layernorm"), seen), mlp, NEOX_MLP));
        };
      },
    });
  },
};

/** qkv [T, K·3·E]: each head's query, key and value side by side. */
function interleavedHeads(qkv: Tensor, { K, E }: HeadSizes): Heads {
  const apart = reshape(qkv, [qkv.shape[0]!, K, 3, E]);
  const part = (i: number) => slice(apart, 2, i, i + 1); // [T, K, 1, E]
  return { q: part(0), k: part(1), v: part(2) };
}
