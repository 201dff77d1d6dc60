/** A figure over a run's steps. A value that was not finite is NaN. */
export interface Curve {
  steps: number[];
  values: number[];
}

/**
 * A curve of at most about `most` points that looks the same: of each stretch its lowest and its highest point stay, and
 * the first and the last of all. What is not a number stays where a stretch holds nothing else.
 */
export function thinCurve({ steps, values }: Curve, most: number): Curve {
  if (steps.length <= most) return { steps: [...steps], values: [...values] };
  const buckets = Math.max(1, Math.floor((most - 2) / 2));
  const kept = new Set([0, steps.length - 1]);
  for (let bucket = 0; bucket < buckets; bucket++) {
    const from = Math.floor((bucket * steps.length) / buckets);
    const to = Math.floor(((bucket + 1) * steps.length) / buckets);
    for (const place of extremes(values, from, to)) kept.add(place);
  }
  const places = [...kept].sort((a, b) => a - b);
  return { steps: places.map((i) => steps[i]!), values: places.map((i) => values[i]!) };
}

function extremes(values: readonly number[], from: number, to: number): number[] {
  let [low, high] = [from, from];
  for (let i = from; i < to; i++) {
    const value = values[i]!;
    if (Number.isNaN(value)) continue;
    if (!(values[low]! <= value)) low = i;
    if (!(values[high]! >= value)) high = i;
  }
  return [low, high];
}
