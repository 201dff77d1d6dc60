import { add, equal, sub } from "../graph/ops/elementwise.ts";
import { gather, rowNumbers } from "../graph/ops/indexing.ts";
import { concat, reshape } from "../graph/ops/shape.ts";
import { constant, input } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import { attention, attentionMask, byWindow, largestSeen } from "../models/attention.ts";
import { distances, rowsBefore } from "../models/before.ts";
import type { Pass } from "../models/family.ts";
import { type Cache, cachedDeltaRule } from "./cached_delta_rule.ts";

/** A pass that computes new tokens after others, whose keys and values are fed. */
export interface CachedPass extends Pass {
  /** What is kept of the new tokens [T, ...], by output name: filled while the model is decoded. */
  readonly added: Record<string, Tensor>;
}

/** Names of what a layer keeps of each token: of the past as it is fed, of the new tokens as it comes out. */
export const cacheNames = (what: string, layer: number) => ({
  past: `past.${what}.${layer}`,
  added: `${what}.${layer}`,
});

/**
 * T new tokens behind P past ones, N = P + T keys. Fed `tokens` (int64), `positions` and `index` (int32), all [T];
 * `keyIndex` and `keyEnd` (int32 [N]), past and new; and what each layer keeps of past tokens, its keys and values [P, K, E].
 *
 * A query at index i sees the keys with keyIndex ≤ i < keyEnd, so that several sequences, each within a range of indices
 * of its own, may lie in one cache in any order. Within a sequence, indices are as far apart as positions.
 */
export function cachedPass({ spareRows = 1 }: Partial<Pick<Pass, "spareRows">> = {}): CachedPass {
  const index = input("index", ["T"], "int32");
  const [keyIndex, keyEnd] = [input("keyIndex", ["N"], "int32"), input("keyEnd", ["N"], "int32")];
  const sight = { queryIndex: index, keyIndex, keyEnd, queryPosition: index, keyPosition: keyIndex };
  const maskOf = byWindow((window) => attentionMask(sight, window));
  const positions = input("positions", ["T"], "int32");
  const tokens = input("tokens", ["T"], "int64");
  const added: Record<string, Tensor> = {};
  const cache: Cache = {
    past: (what, layer, shape) => input(cacheNames(what, layer).past, ["P", ...shape]),
    add(what, layer, fresh) {
      added[cacheNames(what, layer).added] = fresh;
    },
  };
  const remembered = new Map<string, Tensor>(); // other layers may read them, too
  const remember = (what: string, layer: number, fresh: Tensor) => {
    const { added: name } = cacheNames(what, layer);
    const known = remembered.get(name);
    if (known) return known;
    cache.add(what, layer, fresh);
    const all = concat([cache.past(what, layer, fresh.shape.slice(1)), fresh], 0, "N");
    remembered.set(name, all);
    return all;
  };
  const before = rowsBefore(sight, rowNumbers(keyIndex));
  return {
    tokens,
    positions,
    spareRows,
    embed: (weight) => gather(weight, tokens),
    added,
    lengths() {
      const start = sub(index, positions); // the same for the tokens of a sequence, and for no others
      const together = equal(reshape(start, ["T", 1]), reshape(start, [1, "T"]));
      return largestSeen(together, add(positions, constant([1], [], "int32")));
    },
    attend(layer, q, k, v, { window, ...options }) {
      const [keys, values] = [remember("key", layer, k), remember("value", layer, v)];
      return attention(q, keys, values, maskOf(window), options);
    },
    deltaRule: cachedDeltaRule(sight, positions, cache),
    before(layer, x, count) {
      const all = remember("convolved", layer, x);
      return distances(count).map((distance) => before(all, distance));
    },
  };
}
