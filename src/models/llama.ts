/**
 * Llama-style decoder: pre-norm blocks of grouped-query attention with rotary embedding, and a gated MLP.
 * Serves checkpoints whose config.json says `"model_type": "llama"` and, through `decoder`, the families that differ from
 * it only by biases and windows. Parameter names are the checkpoint's own.
 *
 * T tokens, D hidden_size, F intermediate_size, V vocab_size,
 * K key/value heads, G query heads per key/value head, E head_dim.
 * Reference: transformers, models/llama/modeling_llama.py.
 */
import * as z from "zod";
import { AttuneError } from "../errors.ts";
import { gelu, geluTanh, silu } from "../graph/ops/activation.ts";
import { add, mul } from "../graph/ops/elementwise.ts";
import { rmsNorm } from "../graph/ops/norm.ts";
import { rope } from "../graph/ops/rope.ts";
import { reshape } from "../graph/ops/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type ActivationName, activation, parseFields, ropeFields, ropeParameters, size } from "./config.ts";
import type { DecoderOutput, Family, Model, Pass } from "./family.ts";
import { rotaryAngles } from "./rotary.ts";
import type { Scope } from "./scope.ts";

/** What the Llama-shaped families' config.json have in common. */
export const decoderFields = z.looseObject({
  ...ropeFields,
  vocab_size: size,
  hidden_size: size,
  intermediate_size: size,
  num_hidden_layers: size,
  num_attention_heads: size,
  num_key_value_heads: size.nullish(),
  head_dim: size.nullish(),
  hidden_act: activation.default("silu"),
  rms_norm_eps: z.number().positive().default(1e-6),
  max_position_embeddings: size.nullish(),
  initializer_range: z.number().positive().default(0.02),
  tie_word_embeddings: z.boolean().default(false),
});
export type DecoderFields = z.output<typeof decoderFields>;

/** Where the Llama-shaped families differ. */
export interface DecoderVariant {
  modelType: string;
  /** Biases of q, k and v; of o; of the MLP's three layers. */
  bias: { qkv: boolean; o: boolean; mlp: boolean };
  /** The attention window of a layer, nothing for all of the past. */
  window?: (layer: number) => number | undefined;
}

export const llama: Family = {
  modelType: "llama",
  read(config) {
    const fields = parseFields("", llamaFields, config);
    const { attention_bias: attention, mlp_bias: mlp } = fields;
    return decoder(fields, { modelType: "llama", bias: { qkv: attention, o: attention, mlp } });
  },
};

const llamaFields = decoderFields.extend({
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
});

export function decoder(c: DecoderFields, variant: DecoderVariant): Model {
  const [sizes, rope] = [headSizes(c), ropeParameters(c)];
  return {
    modelType: variant.modelType,
    dimensions: {
      vocabSize: c.vocab_size,
      hiddenSize: c.hidden_size,
      layers: c.num_hidden_layers,
      keyValueHeads: sizes.K,
      headDim: sizes.E,
      maxPositions: c.max_position_embeddings ?? undefined,
    },
    tied: c.tie_word_embeddings,
    initializerRange: c.initializer_range,
    decode: (scope, pass) => decode(c, variant, scope, pass, rotaryAngles(pass.positions, rope, sizes.E, 2)),
  };
}

interface HeadSizes {
  K: number;
  G: number;
  E: number;
}

function headSizes(c: DecoderFields): HeadSizes {
  const heads = c.num_attention_heads;
  const K = c.num_key_value_heads ?? heads;
  if (heads % K !== 0)
    throw new AttuneError(
      `config.json: num_key_value_heads, ${K}, must divide num_attention_heads, ${heads}`,
    );
  const E = c.head_dim ?? c.hidden_size / heads;
  if (E % 2 !== 0)
    throw new AttuneError(
      `config.json: head_dim (hidden_size / num_attention_heads when left out) must be even, since rotary embedding pairs its halves; got ${E}`,
    );
  return { K, G: heads / K, E };
}

function decode(
  c: DecoderFields,
  variant: DecoderVariant,
  scope: Scope,
  pass: Pass,
  angles: Angles,
): DecoderOutput {
  const model = scope.at("model");
  const embedding = model.at("embed_tokens").param("weight", [c.vocab_size, c.hidden_size]);
  let x = pass.embed(embedding); // [T, D]
  for (let layer = 0; layer < c.num_hidden_layers; layer++)
    x = block(c, variant, model.at(`layers.${layer}`), layer, x, pass, angles);
  return {
    hidden: norm(c, model.at("norm"), x),
    head: c.tie_word_embeddings
      ? embedding
      : scope.at("lm_head").param("weight", [c.vocab_size, c.hidden_size]),
  };
}

interface Angles {
  cos: Tensor;
  sin: Tensor;
}

function block(
  c: DecoderFields,
  v: DecoderVariant,
  p: Scope,
  layer: number,
  x: Tensor,
  pass: Pass,
  angles: Angles,
) {
  const h = add(
    x,
    attention(c, v, p.at("self_attn"), layer, norm(c, p.at("input_layernorm"), x), pass, angles),
  );
  return add(h, mlp(c, v, p.at("mlp"), norm(c, p.at("post_attention_layernorm"), h)));
}

function attention(
  c: DecoderFields,
  v: DecoderVariant,
  p: Scope,
  layer: number,
  x: Tensor,
  pass: Pass,
  { cos, sin }: Angles,
) {
  const [T] = x.shape as [string];
  const { K, G, E } = headSizes(c);
  const heads = (name: string, groups: number) =>
    reshape(p.linear(name, x, K * groups * E, { bias: v.bias.qkv }), [T, K, groups, E]);
  const q = rope(heads("q_proj", G), cos, sin); // [T, K, G, E]
  const k = reshape(rope(heads("k_proj", 1), cos, sin), [T, K, E]);
  const value = reshape(heads("v_proj", 1), [T, K, E]);
  const y = pass.attend(layer, q, k, value, { scale: E ** -0.5, window: v.window?.(layer) });
  return p.linear("o_proj", y, c.hidden_size, { bias: v.bias.o });
}

const ACTIVATIONS: Record<ActivationName, (x: Tensor) => Tensor> = {
  silu,
  swish: silu,
  gelu,
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  gelu_fast: geluTanh,
};

function mlp(c: DecoderFields, v: DecoderVariant, p: Scope, x: Tensor): Tensor {
  const bias = v.bias.mlp;
  const gate = ACTIVATIONS[c.hidden_act](p.linear("gate_proj", x, c.intermediate_size, { bias })); // [T, F]
  return p.linear(
    "down_proj",
    mul(gate, p.linear("up_proj", x, c.intermediate_size, { bias })),
    c.hidden_size,
    { bias },
  );
}

const norm = (c: DecoderFields, p: Scope, x: Tensor) =>
  rmsNorm(x, p.param("weight", [c.hidden_size]), { eps: c.rms_norm_eps });
