import { HIDDEN } from "../graph/hidden.ts";
import { type SoftmaxAttentionAttributes, softmaxAttention } from "../graph/ops/attention.ts";
import { and, less, lessOrEqual, sub, where } from "../graph/ops/elementwise.ts";
import { max } from "../graph/ops/reduce.ts";
import { reshape, transpose } from "../graph/ops/shape.ts";
import { constant, scalar } from "../graph/sources.ts";
import type { Dim, Tensor } from "../graph/tensor.ts";

/** int32 vectors that say who sees whom: queries [T], keys [N]. */
export interface Sight {
  /** Places of queries and keys in the row. */
  queryIndex: Tensor;
  keyIndex: Tensor;
  /** End of each key's subtree: query i sees key j iff j <= i < end[j]. */
  keyEnd: Tensor;
  queryPosition: Tensor;
  keyPosition: Tensor;
}

/** What is added to the scores [T, N]: 0 where a query sees a key, -1e30 where it does not. */
export function attentionMask(sight: Sight, window?: number): Tensor {
  const rows = (t: Tensor) => reshape(t, [t.shape[0] as Dim, 1]);
  const columns = (t: Tensor) => reshape(t, [1, t.shape[0] as Dim]);
  const i = rows(sight.queryIndex);
  const seen = and(lessOrEqual(columns(sight.keyIndex), i), less(i, columns(sight.keyEnd)));
  if (window === undefined) return asBias(seen);
  const distance = sub(rows(sight.queryPosition), columns(sight.keyPosition));
  return asBias(and(seen, less(distance, scalar(window, distance))));
}

/** What layers with the same window share, made once for each. */
export function byWindow(make: (window?: number) => Tensor): (window?: number) => Tensor {
  const known = new Map<number | undefined, Tensor>();
  return (window) => {
    const one = known.get(window) ?? make(window);
    known.set(window, one);
    return one;
  };
}

/** The largest of `values` (int32 [N]) among what each row of `seen` [T, N] sees: [T]. Values are 0 or more. */
export function largestSeen(seen: Tensor, values: Tensor): Tensor {
  const [T, N] = seen.shape as [Dim, Dim];
  const none = constant([0], [], "int32");
  return reshape(max(where(seen, reshape(values, [1, N]), none), [1]), [T]);
}

const asBias = (seen: Tensor) => where(seen, constant([0], []), constant([HIDDEN], []));

/**
 * Attention of q [T, K, G, E] over k and v [N, K, E] under mask [T, N], sinks [K·G] -> [T, K·G·E].
 * Each of K key/value heads serves G query heads (Ainslie et al. 2023, https://arxiv.org/abs/2305.13245).
 */
export function attention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  mask: Tensor,
  options: SoftmaxAttentionAttributes,
): Tensor {
  const [T, K, G, E] = q.shape as [string, number, number, number];
  const [N] = k.shape as [string];
  const heads = (t: Tensor) => transpose(reshape(t, [N, K, 1, E]), [1, 2, 0, 3]); // [K, 1, N, E]
  const sinks = options.sinks && reshape(options.sinks, [K, G, 1, 1]);
  const all = { ...options, sinks };
  const y = softmaxAttention(transpose(q, [1, 2, 0, 3]), heads(k), heads(v), mask, all); // [K, G, T, E]
  return reshape(transpose(y, [2, 0, 1, 3]), [T, K * G * E]);
}
