import { standardGraph } from "../../graph/onnx/lower.ts";
import type { OnnxGraph } from "../../graph/onnx/model_proto.ts";
import { linearLogits } from "../../graph/ops/cross_entropy.ts";
import { add, cast } from "../../graph/ops/elementwise.ts";
import { gather } from "../../graph/ops/indexing.ts";
import { concat } from "../../graph/ops/shape.ts";
import { input, weight } from "../../graph/sources.ts";
import { COMPUTE_TYPE, sizeOf, type Tensor } from "../../graph/tensor.ts";
import { splitBias } from "../../models/decoder.ts";
import type { Model, Pass } from "../../models/family.ts";
import { createScope } from "../../models/scope.ts";
import { AttuneError } from "../../text/errors.ts";
import { batchAttention, byHead, byRow, flat, rowLengths, sight } from "./batch_ops.ts";

/**
 * A model as transformers.js runs it, in float32. Fed `input_ids` and `position_ids` [B, S], `attention_mask` [B, N] (int64) and
 * each layer's `past_key_values.L.key` and `.value` [B, K, P, E]; gives `logits` [B, S, V] and `present.L.key` and `.value`
 * [B, K, N, E]. The model's parameters are initializers by their checkpoint's names, whose bytes come later.
 * @throws AttuneError where layers keep something else of tokens, or attend otherwise
 */
export function decoderGraph(model: Model): OnnxGraph {
  if (model.dimensions.kept) throw notWritten(model.modelType, "whose layers all keep keys and values");
  const scope = createScope((name, shape) => parameter(name, shape as readonly number[]));
  const { pass, ids, present } = batchPass(model.modelType);
  const { hidden, head, bias, softcap } = splitBias(model.decode(scope, pass));
  const products = linearLogits(hidden, head, { softcap });
  const logits = bias ? add(products, bias) : products;
  return standardGraph({ logits: byRow(logits, ids), ...present });
}

const notWritten = (modelType: string, which: string) =>
  new AttuneError({
    code: "export.unknown-architecture",
    place: "config.json: model_type",
    problem: `attune writes ONNX decoders ${which}, and this family is no such one`,
    got: modelType,
    wayOut: "Merge the adapter instead: transformers loads what `attune merge` writes",
  });

/** Refused before anything is computed. */
function neverAsked(): never {
  throw new Error("layers that keep no keys and values are refused");
}

const parameter = (name: string, shape: readonly number[]): Tensor =>
  weight(
    name,
    { dtype: COMPUTE_TYPE, shape },
    { file: `/${name}`, offset: 0, byteLength: 4 * sizeOf(shape) },
  );

function batchPass(modelType: string) {
  const ids = input("input_ids", ["batch_size", "sequence_length"], "int64");
  const mask = input("attention_mask", ["batch_size", "total_sequence_length"], "int64");
  const places = input("position_ids", ["batch_size", "sequence_length"], "int64");
  const tokens = flat(ids);
  const present: Record<string, Tensor> = {};
  const sights = new Map<string, Tensor>();
  const sightOf = (window: number | undefined, groups: number) => {
    const key = `${window} ${groups}`;
    const known = sights.get(key) ?? sight(mask, ids, { window, groups });
    sights.set(key, known);
    return known;
  };
  const remember = (layer: number, kind: "key" | "value", fresh: Tensor) => {
    const [, K, E] = fresh.shape;
    const past = input(`past_key_values.${layer}.${kind}`, ["batch_size", K!, "past_sequence_length", E!]);
    const all = concat([past, byHead(fresh, ids)], 2, "total_sequence_length");
    present[`present.${layer}.${kind}`] = all;
    return all;
  };
  const pass: Pass = {
    tokens,
    positions: cast(flat(places), "int32"),
    embed: (embedding) => gather(embedding, tokens),
    lengths: () => rowLengths(mask, ids),
    spareRows: 1,
    before: neverAsked,
    deltaRule: neverAsked,
    attend(layer, q, k, v, { window, sinks, ...options }) {
      if (sinks) throw notWritten(modelType, "whose attention has no sinks");
      const [keys, values] = [remember(layer, "key", k), remember(layer, "value", v)];
      return batchAttention(q, keys, values, sightOf(window, q.shape[2] as number), ids, options);
    },
  };
  return { pass, ids, present };
}
