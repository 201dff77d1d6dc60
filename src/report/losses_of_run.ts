import { smoother } from "../math/smooth.ts";
import type { Curve } from "./curve.ts";
import type { RunHistory } from "./run_record.ts";

export interface LossPoint {
  step: number;
  loss: number;
}

/** A running mean of a curve; what is not a number is left out of it. */
export function smoothed({ steps, values }: Curve): Curve {
  const smooth = smoother();
  return {
    steps: [...steps],
    values: values.map((value) => (Number.isFinite(value) ? smooth(value) : value)),
  };
}

/** The first, the last and the lowest held-out loss, the lowest of those after a step. */
export function heldOutLosses({ curves }: RunHistory): {
  first?: LossPoint;
  last?: LossPoint;
  best?: LossPoint;
} {
  const points = pointsOf(curves.get("evalLoss"));
  const trained = points.filter(({ step }) => step > 0);
  const best = trained.reduce<LossPoint | undefined>((a, b) => (a && a.loss <= b.loss ? a : b), undefined);
  return { first: points[0], last: points.at(-1), best };
}

/** The first training loss and the last, smoothed. */
export function trainingLosses({ curves }: RunHistory): { first?: LossPoint; last?: LossPoint } {
  const curve = curves.get("loss");
  return { first: pointsOf(curve)[0], last: curve && pointsOf(smoothed(curve)).at(-1) };
}

const pointsOf = (curve: Curve | undefined): LossPoint[] =>
  (curve?.steps ?? []).flatMap((step, i) => {
    const loss = curve!.values[i]!;
    return Number.isFinite(loss) ? [{ step, loss }] : [];
  });
