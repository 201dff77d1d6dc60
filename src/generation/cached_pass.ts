import { add, equal, sub } from "../graph/ops/elementwise.ts";
import { gather } from "../graph/ops/indexing.ts";
import { concat, reshape } from "../graph/ops/shape.ts";
import { constant, input } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import { attention, attentionMask, largestSeen } from "../models/attention.ts";
import type { Pass } from "../models/family.ts";

/** A pass that computes new tokens after others, whose keys and values are fed. */
export interface CachedPass extends Pass {
  /** Keys and values [T, K, E] of the new tokens, by output name: filled while the model is decoded. */
  readonly added: Record<string, Tensor>;
}

/** Names of a layer's keys and values: of the past as they are fed, of the new tokens as they come out. */
export const cacheNames = (layer: number) => ({
  past: [`past.key.${layer}`, `past.value.${layer}`] as const,
  added: [`key.${layer}`, `value.${layer}`] as const,
});

/**
 * T new tokens behind P past ones, N = P + T keys. Fed `tokens` (int64), `positions` and `index` (int32), all [T];
 * `keyIndex` and `keyEnd` (int32 [N]), past and new; and each layer's past keys and values [P, K, E].
 *
 * A query at index i sees the keys with keyIndex ≤ i < keyEnd, so that several sequences, each within a range of indices
 * of its own, may lie in one cache in any order. Within a sequence, indices are as far apart as positions.
 */
export function cachedPass(): CachedPass {
  const index = input("index", ["T"], "int32");
  const [keyIndex, keyEnd] = [input("keyIndex", ["N"], "int32"), input("keyEnd", ["N"], "int32")];
  const sight = { queryIndex: index, keyIndex, keyEnd, queryPosition: index, keyPosition: keyIndex };
  const masks = new Map<number | undefined, Tensor>();
  const maskOf = (window?: number) => {
    const mask = masks.get(window) ?? attentionMask(sight, window);
    masks.set(window, mask);
    return mask;
  };
  const positions = input("positions", ["T"], "int32");
  const tokens = input("tokens", ["T"], "int64");
  const added: Record<string, Tensor> = {};
  const remember = (past: string, name: string, fresh: Tensor) => {
    added[name] = fresh;
    return concat([input(past, ["P", ...fresh.shape.slice(1)]), fresh], 0, "N");
  };
  return {
    tokens,
    positions,
    embed: (weight) => gather(weight, tokens),
    added,
    lengths() {
      const start = sub(index, positions); // the same for the tokens of a sequence, and for no others
      const together = equal(reshape(start, ["T", 1]), reshape(start, [1, "T"]));
      return largestSeen(together, add(positions, constant([1], [], "int32")));
    },
    attend(layer, q, k, v, { window, ...options }) {
      const names = cacheNames(layer);
      const keys = remember(names.past[0], names.added[0], k);
      const values = remember(names.past[1], names.added[1], v);
      return attention(q, keys, values, maskOf(window), options);
    },
  };
}
