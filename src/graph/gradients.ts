import { add } from "./ops/elementwise.ts";
import { addScattered } from "./ops/indexing.ts";
import { sumTo } from "./ops/reduce.ts";
import { type Recompute, replays } from "./passes/recompute.ts";
import { scalar } from "./sources.ts";
import { ShapeError, sameShape, show, type Tensor } from "./tensor.ts";
import { reachable } from "./walk.ts";

export interface GradientOptions {
  /** The gradient of what is minimized by `loss`, 1 when left out. */
  seed?: Tensor;
  /** Which forward values the backward pass computes again; none when left out. */
  recompute?: Recompute;
}

/** The gradients of `loss` (shape []) by each of `parameters`, as graph again: the chain rule from the loss backwards. */
export function gradients(
  loss: Tensor,
  parameters: readonly Tensor[],
  { seed = scalar(1, loss), recompute = () => false }: GradientOptions = {},
): Tensor[] {
  if (loss.shape.length || seed.shape.length)
    throw new ShapeError("gradients", `loss ${show(loss)} and seed ${show(seed)} must be of shape []`);
  const order = reachable([loss]);
  const wanted = dependents(order, parameters);
  const kept = replays(order, recompute);
  const replay = (t: Tensor) => kept.get(t)!;
  const gradient = new Map<Tensor, Tensor>([[loss, seed]]);
  for (const y of order.reverse()) {
    const dy = gradient.get(y);
    if (!dy || !y.inputs.some((x) => wanted.has(x))) continue;
    const dxs = y.op.vjp(y.inputs.map(replay), dy, y.attributes, replay(y)) as (Tensor | null)[];
    y.inputs.forEach((x, i) => {
      const dx = dxs[i];
      if (!wanted.has(x) || !dx) return;
      const fitted = sameShape(dx.shape, x.shape) ? dx : sumTo(dx, x.shape);
      const sum = gradient.get(x);
      gradient.set(x, sum ? (addScattered(sum, fitted) ?? add(sum, fitted)) : fitted);
    });
  }
  return parameters.map((p) => {
    const dp = gradient.get(p);
    if (!dp)
      throw new Error(
        `the loss does not depend on the parameter ${(p.attributes as { name?: string }).name}`,
      );
    return dp;
  });
}

/** Of `order`, what is computed from `parameters`. */
function dependents(order: readonly Tensor[], parameters: readonly Tensor[]): Set<Tensor> {
  const set = new Set(parameters);
  for (const t of order) if (t.inputs.some((x) => set.has(x))) set.add(t);
  return set;
}
