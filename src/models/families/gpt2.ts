/**
 * GPT-2: learned positions, layer norms, q, k and v in one projection, a plain gelu MLP; its linear layers are stored
 * [in, out]. Reference: transformers, models/gpt2/modeling_gpt2.py. Its dropouts are not applied.
 */
import * as z from "zod";
import { add, cast } from "../../graph/ops/elementwise.ts";
import { gather } from "../../graph/ops/indexing.ts";
import { slice } from "../../graph/ops/shape.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { activation, headCount, hiddenSize, layerCount, parseFields, size } from "../config.ts";
import { decoder } from "../decoder.ts";
import type { Family, Names } from "../family.ts";
import { activate, attend, headSizes, layerNorms, splitHeads } from "../layers.ts";
import type { Scope } from "../scope.ts";

export const gpt2Fields = z.looseObject({
  vocab_size: size,
  n_positions: size,
  n_embd: hiddenSize,
  n_layer: layerCount,
  n_head: headCount,
  n_inner: size.nullish(),
  activation_function: activation.default("gelu_new"),
  layer_norm_epsilon: z.number().nonnegative().default(1e-5),
  initializer_range: z.number().nonnegative().default(0.02),
  tie_word_embeddings: z.boolean().default(true),
  scale_attn_weights: z.boolean().default(true),
  scale_attn_by_inverse_layer_idx: z.boolean().default(false),
  add_cross_attention: z.literal(false, "attune computes decoders alone").default(false),
});

const NAMES: Names = {
  root: "transformer",
  embedding: "wte",
  layers: "h",
  norm: "ln_f",
  head: "lm_head",
  others: ["wpe"],
};
const STORED = { bias: true, transposed: true };

export const gpt2: Family = {
  modelType: "gpt2",
  names: NAMES,
  aliases: {
    hidden_size: "n_embd",
    max_position_embeddings: "n_positions",
    num_attention_heads: "n_head",
    num_hidden_layers: "n_layer",
  },
  sizeKeys: { vocabSize: "vocab_size", hiddenSize: "n_embd", layers: "n_layer" },
  read(config) {
    const c = parseFields("", gpt2Fields, config);
    const { n_embd: D, n_inner, n_positions, activation_function } = c;
    const sizes = { hidden_size: D, num_hidden_layers: c.n_layer, num_attention_heads: c.n_head };
    const [heads, norm] = [headSizes(sizes, 1), layerNorms(c.layer_norm_epsilon)];
    const scaleOf = (layer: number) =>
      (c.scale_attn_weights ? heads.E ** -0.5 : 1) / (c.scale_attn_by_inverse_layer_idx ? layer + 1 : 1);
    const mlp = (p: Scope, x: Tensor) => {
      const widened = activate(activation_function, p.linear("c_fc", x, n_inner ?? 4 * D, STORED));
      return p.linear("c_proj", widened, D, STORED);
    };
    return decoder({ ...c, ...sizes, max_position_embeddings: n_positions }, heads, {
      modelType: "gpt2",
      norm,
      names: NAMES,
      embedded(x, p, pass) {
        const places = p.at("wpe").param("weight", [n_positions, D]);
        return add(x, gather(places, cast(pass.positions, "int64")));
      },
      blocks: (pass) => (p, x, layer) => {
        const own = p.at("attn");
        const qkv = own.linear("c_attn", norm(p.at("ln_1"), x), 3 * D, STORED); // [T, 3·D]
        const [q, k, v] = [0, 1, 2].map((i) =>
          splitHeads(slice(qkv, -1, i * D, (i + 1) * D), heads.K, 1, heads.E),
        ) as [Tensor, Tensor, Tensor];
        const y = attend(pass, layer, { q, k, v }, { scale: scaleOf(layer) });
        const h = add(x, own.linear("c_proj", y, D, STORED));
        return add(h, mlp(p.at("mlp"), norm(p.at("ln_2"), h)));
      },
    });
  },
};
