import { add, and, cast, div, equal, less, mul, where } from "../graph/ops/elementwise.ts";
import { sum } from "../graph/ops/reduce.ts";
import { reshape, slice } from "../graph/ops/shape.ts";
import { softmax } from "../graph/ops/softmax.ts";
import { constant, scalar } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";

export interface RoutingOptions {
  /** Experts a token goes to. */
  chosen: number;
  /** Whether their weights add up to 1. */
  normalized: boolean;
}

/**
 * A mixture of n experts: Σ weight · expert(x) over those each token is routed to, x [T, D] by scores [T, n].
 * All experts are computed for all tokens, those not chosen weigh 0: exact, and as expensive as n dense layers.
 */
export function mixtureOfExperts(
  scores: Tensor,
  expert: (index: number) => Tensor,
  { chosen, normalized }: RoutingOptions,
): Tensor {
  const shares = softmax(scores);
  const kept = where(topmost(shares, chosen), shares, scalar(0, shares));
  const weights = normalized ? div(kept, sum(kept, [-1])) : kept; // [T, n]
  const parts = Array.from({ length: scores.shape[1] as number }, (_, i) =>
    mul(expert(i), slice(weights, -1, i, i + 1)),
  );
  return parts.reduce((total, part) => add(total, part));
}

/** Whether each entry is among its row's `count` largest, the first of equals before the others: [T, n]. */
function topmost(x: Tensor, count: number): Tensor {
  const [T, n] = x.shape as [string, number];
  const [own, other] = [reshape(x, [T, n, 1]), reshape(x, [T, 1, n])];
  const places = Array.from({ length: n }, (_, i) => i);
  const first = less(constant(places, [1, 1, n]), constant(places, [1, n, 1]));
  const ahead = add(cast(less(own, other), x.dtype), cast(and(equal(own, other), first), x.dtype));
  const rank = reshape(sum(ahead, [-1]), [T, n]);
  return less(rank, scalar(count, rank));
}
