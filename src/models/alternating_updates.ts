/**
 * AltUp (Baykal et al. 2023, https://arxiv.org/abs/2301.13310): A streams x [T, A, D], of which a block computes one and predicts
 * the others. Reference: transformers, models/gemma3n/modeling_gemma3n.py.
 */
import { add, div, less, mul, scale, shift, sqrt, sub, tanh, where } from "../graph/ops/elementwise.ts";
import { matmul } from "../graph/ops/matmul.ts";
import { mean } from "../graph/ops/reduce.ts";
import { concat, reshape, slice } from "../graph/ops/shape.ts";
import { scalar } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Norm } from "./layers.ts";
import type { Scope } from "./scope.ts";

type Sizes = [T: string, A: number, D: number];

/** Stream i of x [T, A, D]: [T, D]. */
export function streamOf(x: Tensor, i: number): Tensor {
  const [T, , D] = x.shape as Sizes;
  return reshape(slice(x, 1, i, i + 1), [T, D]);
}

/** What a block starts from, [T, A, D]: all streams mixed by what the active one says. */
export function predict(p: Scope, x: Tensor, active: number, norm: Norm): Tensor {
  const [T, A] = x.shape as Sizes;
  const mix = p.linear("prediction_coefs", routes(p, streamOf(x, active), A, norm), A * A);
  return add(matmul(reshape(mix, [T, A, A]), x), x);
}

/** Moves each stream towards what the block made of the active one, y [T, D]. */
export function correct(p: Scope, predicted: Tensor, y: Tensor, active: number, norm: Norm): Tensor {
  const [T, A, D] = predicted.shape as Sizes;
  const news = reshape(sub(y, streamOf(predicted, active)), [T, 1, D]);
  const shares = shift(p.linear("correction_coefs", routes(p, y, A, norm), A), 1);
  return add(predicted, mul(news, reshape(shares, [T, A, 1])));
}

function routes(p: Scope, x: Tensor, A: number, norm: Norm): Tensor {
  const D = x.shape[1] as number;
  return tanh(p.linear("modality_router", scale(norm(p.at("router_norm"), x), 1 / D), A));
}

/** Adds y [T, D] to all streams but the first. */
export function addToOthers(x: Tensor, y: Tensor): Tensor {
  const [T, A, D] = x.shape as Sizes;
  if (A === 1) return x;
  return concat([slice(x, 1, 0, 1), add(slice(x, 1, 1, A), reshape(y, [T, 1, D]))], 1);
}

/** x [T, D] as A streams, each projected in its own way to the size of x. */
export function asStreams(p: Scope, x: Tensor, A: number): Tensor {
  const [T, D] = x.shape as [string, number];
  const others = numbers(A).map((i) => asLarge(p.linear(`altup_projections.${i}`, x, D), x));
  return concat(
    [x, ...others].map((t) => reshape(t, [T, 1, D])),
    1,
  );
}

/** The streams as one again: [T, D]. */
export function asOne(p: Scope, x: Tensor): Tensor {
  const [, A, D] = x.shape as Sizes;
  const first = streamOf(x, 0);
  const others = numbers(A).map((i) =>
    asLarge(p.linear(`altup_unembed_projections.${i}`, streamOf(x, i + 1), D), first),
  );
  return scale(
    others.reduce((sum, t) => add(sum, t), first),
    1 / A,
  );
}

const numbers = (A: number) => Array.from({ length: A - 1 }, (_, i) => i);

const LEAST = 1e-5;

/** x [T, D] with the root mean square of `like`. */
function asLarge(x: Tensor, like: Tensor): Tensor {
  const square = (t: Tensor) => mean(mul(t, t), [-1]);
  const own = square(x);
  const least = scalar(LEAST, own);
  return div(mul(x, sqrt(square(like))), sqrt(where(less(own, least), least, own)));
}
