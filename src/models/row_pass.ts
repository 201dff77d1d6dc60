import { add, and, less, lessOrEqual } from "../graph/ops/elementwise.ts";
import { gather } from "../graph/ops/indexing.ts";
import { reshape } from "../graph/ops/shape.ts";
import { constant, input } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import { attention, attentionMask, largestSeen } from "./attention.ts";
import type { Pass } from "./family.ts";

/**
 * A pass over one row of T tokens, as trained on and scored: sequences, or trees of them, side by side, each token
 * seeing its own past. Fed `tokens` (int64), `positions`, `ends` and `index` (int32), all [T].
 */
export function rowPass(): Pass {
  const [index, ends] = [input("index", ["T"], "int32"), input("ends", ["T"], "int32")];
  const positions = input("positions", ["T"], "int32");
  const sight = {
    queryIndex: index,
    keyIndex: index,
    keyEnd: ends,
    queryPosition: positions,
    keyPosition: positions,
  };
  const masks = new Map<number | undefined, Tensor>();
  const maskOf = (window?: number) => {
    const mask = masks.get(window) ?? attentionMask(sight, window);
    masks.set(window, mask);
    return mask;
  };
  const one = constant([1], [], "int32");
  const tokens = input("tokens", ["T"], "int64");
  return {
    tokens,
    positions,
    embed: (weight) => gather(weight, tokens),
    attend: (_, q, k, v, { window, ...options }) => attention(q, k, v, maskOf(window), options),
    lengths() {
      const [own, others] = [reshape(index, ["T", 1]), reshape(index, [1, "T"])];
      const behind = and(lessOrEqual(own, others), less(others, reshape(ends, ["T", 1])));
      return largestSeen(behind, add(positions, one));
    },
  };
}
