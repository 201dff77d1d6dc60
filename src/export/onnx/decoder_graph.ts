import { standardGraph } from "../../graph/onnx/lower.ts";
import type { OnnxGraph } from "../../graph/onnx/model_proto.ts";
import { linearLogits } from "../../graph/ops/cross_entropy.ts";
import { add, cast, mul } from "../../graph/ops/elementwise.ts";
import { gather } from "../../graph/ops/indexing.ts";
import { concat, reshape } from "../../graph/ops/shape.ts";
import { input, weight } from "../../graph/sources.ts";
import { COMPUTE_TYPE, type Dim, sizeOf, type Tensor } from "../../graph/tensor.ts";
import { distances } from "../../models/before.ts";
import { splitBias } from "../../models/decoder.ts";
import type { Dimensions, Model, Pass } from "../../models/family.ts";
import { createScope } from "../../models/scope.ts";
import { AttuneError } from "../../text/errors.ts";
import { batchAttention, byHead, byRow, flat, placesBehind, rowLengths, sight } from "./batch_ops.ts";
import { batchDeltaRule, behindPast, isThere, lastRows, memoryBehind, rowsBack } from "./batch_states.ts";

/**
 * A model as transformers.js runs it, in float32. Fed `input_ids`, most `position_ids` [B, S], `attention_mask` [B, N] (int64) and
 * each layer's `past_key_values.L.key` and `.value` [B, K, P, E]; gives `logits` [B, S, V] and `present.L.key` and `.value`
 * [B, K, N, E]. Layers that convolve have `past_conv.L` [B, tokens, D], those that learn by the delta rule that and
 * `past_recurrent.L` [B, H, G, Dk, Dv]; `present_conv.L` and `present_recurrent.L` come out. The model's parameters are
 * initializers by their checkpoint's names, whose bytes come later.
 * @throws AttuneError where layers share keys and values, or have them in sizes of their own
 */
export function decoderGraph(model: Model): OnnxGraph {
  if (!keepsItsOwn(model.dimensions)) throw notWritten(model.modelType);
  const scope = createScope((name, shape) => parameter(name, shape as readonly number[]));
  const { pass, ids, present } = batchPass(COUNTS_BY_ITSELF.test(model.modelType));
  const { hidden, head, bias, softcap } = splitBias(model.decode(scope, pass));
  const products = linearLogits(hidden, head, { softcap });
  const logits = bias ? add(products, bias) : products;
  return standardGraph({ logits: byRow(logits, ids), ...present });
}

/** transformers.js feeds these families positions in three directions, and only beside images: they have no such input. */
const COUNTS_BY_ITSELF = /^qwen3_5(_text)?$/;

/** Whether each layer keeps keys and values of all heads, or convolves; transformers.js knows no other caches. */
const keepsItsOwn = ({ kept, keyValueHeads: K, headDim: E }: Dimensions): boolean =>
  (kept ?? []).every(
    ({ key, value, convolved }) => convolved || [key, value].every((state) => `${state}` === `${[K, E]}`),
  );

const notWritten = (modelType: string) =>
  new AttuneError({
    code: "export.unknown-architecture",
    place: "config.json: model_type",
    problem:
      "attune writes ONNX decoders whose layers all keep keys and values of their own, of one size, and this family's don't",
    got: modelType,
    wayOut: "Merge the adapter instead: transformers loads what `attune merge` writes",
  });

const parameter = (name: string, shape: readonly number[]): Tensor =>
  weight(
    name,
    { dtype: COMPUTE_TYPE, shape },
    { file: `/${name}`, offset: 0, byteLength: 4 * sizeOf(shape) },
  );

function batchPass(countsByItself: boolean) {
  const ids = input("input_ids", ["batch_size", "sequence_length"], "int64");
  const mask = input("attention_mask", ["batch_size", "total_sequence_length"], "int64");
  const places = countsByItself
    ? placesBehind(mask, ids)
    : input("position_ids", ["batch_size", "sequence_length"], "int64");
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
  const state = (kind: "conv" | "recurrent", layer: number, shape: readonly number[]) => ({
    past: input(`past_${kind}.${layer}`, ["batch_size", ...shape]),
    leave(fresh: Tensor) {
      present[`present_${kind}.${layer}`] = fresh;
    },
  });
  let there: Tensor | undefined;
  /** Padding is before a sequence, where there is nothing. */
  const withoutPadding = (x: Tensor) => {
    there ??= isThere(mask, ids);
    return mul(x, reshape(there, ["T", ...x.shape.slice(1).map(() => 1)]));
  };
  const pass: Pass = {
    tokens,
    positions: cast(flat(places), "int32"),
    embed: (embedding) => gather(embedding, tokens),
    lengths: () => rowLengths(mask, ids),
    spareRows: 1,
    before(layer, x, count) {
      if (count === 0) return [];
      const { past, leave } = state("conv", layer, [count, x.shape[1] as number]);
      const all = behindPast(past, withoutPadding(x), ids);
      leave(lastRows(all, { count }));
      return distances(count).map((distance) => rowsBack(all, { distance, count }));
    },
    deltaRule(layer, { q, k, v, decay, beta }) {
      const [, H, G, Dv] = v.shape as [Dim, number, number, number];
      const { past, leave } = state("recurrent", layer, [H, G, k.shape[2] as number, Dv]);
      const read = batchDeltaRule(q, k, v, decay, withoutPadding(beta), past, ids);
      leave(memoryBehind(read, past));
      return read;
    },
    attend(layer, q, k, v, { window, sinks, ...options }) {
      const [keys, values] = [remember(layer, "key", k), remember(layer, "value", v)];
      const seen = sightOf(window, q.shape[2] as number);
      return batchAttention(q, keys, values, seen, ids, sinks, options);
    },
  };
  return { pass, ids, present };
}
