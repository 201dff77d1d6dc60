import * as z from "zod";
import { add, less, mul, scale, where } from "../graph/ops/elementwise.ts";
import { gather } from "../graph/ops/indexing.ts";
import { reshape, slice } from "../graph/ops/shape.ts";
import { constant } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { ActivationName } from "./config.ts";
import { hiddenSize, size } from "./config.ts";
import type { BlocksStart } from "./decoder.ts";
import type { Pass } from "./family.ts";
import { activate, type Norm } from "./layers.ts";
import type { Scope } from "./scope.ts";

/** What lies in the root for it. */
export const LAYER_INPUT_MODULES = [
  "embed_tokens_per_layer",
  "per_layer_model_projection",
  "per_layer_projection_norm",
];

export const layerInputFields = {
  vocab_size_per_layer_input: size.default(262_144),
  hidden_size_per_layer_input: z.union([z.literal(0), hiddenSize]).default(256),
};

interface Fields {
  num_hidden_layers: number;
  vocab_size_per_layer_input: number;
  hidden_size_per_layer_input: number;
  hidden_activation: ActivationName;
}

/**
 * What Gemma's small models add of each token to every layer: rows of a second embedding that has a part for each of L layers, and a
 * projection of the first. Gives what `layer` reads, [T, P]. Tokens that the second embedding lacks are its token 0.
 */
export function layerInputs(c: Fields, pass: Pass, { root, x }: BlocksStart, norm: Norm) {
  const [T, D] = x.shape as [string, number];
  const [L, P, V] = [c.num_hidden_layers, c.hidden_size_per_layer_input, c.vocab_size_per_layer_input];
  const apart = (t: Tensor) => reshape(t, [T, L, P]);
  const projected = apart(scale(root.linear("per_layer_model_projection", x, L * P), D ** -0.5));
  const table = root.at("embed_tokens_per_layer").param("weight", [V, L * P]);
  const known = less(pass.tokens, constant([V], [], "int64"));
  const rows = gather(table, where(known, pass.tokens, constant([0], [], "int64")));
  const own = apart(scale(rows, Math.sqrt(P)));
  const all = scale(add(norm(root.at("per_layer_projection_norm"), projected), own), Math.SQRT1_2); // [T, L, P]
  return (layer: number): Tensor => reshape(slice(all, 1, layer, layer + 1), [T, P]);
}

/** What a block adds of its layer's input to its output x [T, D]. */
export function fromLayerInput(c: Fields, p: Scope, x: Tensor, own: Tensor, norm: Norm): Tensor {
  const gate = activate(c.hidden_activation, p.linear("per_layer_input_gate", x, own.shape[1] as number));
  const y = p.linear("per_layer_projection", mul(gate, own), x.shape[1] as number);
  return norm(p.at("post_per_layer_input_norm"), y);
}
