import type { Feeds, Values } from "./evaluate.ts";

/** d sum(y · dy) / dx of one case: by which input, and the golden's dy. */
export interface Probe {
  y: string;
  x: string;
  dy: Values;
}

/**
 * The gradients that central differences give, a probe each: (f(x + step) - f(x - step)) / 2·step, entry by entry. The error
 * is O(step²) + O(precision / step). Probes of several cases are nudged in the same run, those of one case in turn.
 */
export async function centralDifferences(
  run: (feeds: Feeds) => Promise<Record<string, Values>>,
  feeds: Feeds,
  probes: readonly Probe[],
  step: number,
): Promise<Values[]> {
  const results = probes.map(({ x }) => ({
    shape: feeds[x]!.shape,
    data: feeds[x]!.data.map(() => Number.NaN),
  }));
  for (const round of rounds(probes, feeds)) {
    const nudged = (by: number) =>
      run({
        ...feeds,
        ...Object.fromEntries(round.map(({ probe, i }) => [probe.x, moved(feeds[probe.x]!, i, by)])),
      });
    const [up, down] = [await nudged(step), await nudged(-step)];
    for (const { probe, at, i } of round) {
      const slope = (values: Record<string, Values>) => dot(values[probe.y]!, probe.dy);
      results[at]!.data[i] = (slope(up) - slope(down)) / (2 * step);
    }
  }
  return results;
}

interface Nudge {
  probe: Probe;
  /** The probe's number. */
  at: number;
  /** The entry of x. */
  i: number;
}

/** Every entry of every probe once; a round has at most one of each case, which its y names. */
function rounds(probes: readonly Probe[], feeds: Feeds): Nudge[][] {
  const byCase = new Map<string, Nudge[]>();
  probes.forEach((probe, at) => {
    const nudges = feeds[probe.x]!.data.map((_, i) => ({ probe, at, i }));
    byCase.set(probe.y, [...(byCase.get(probe.y) ?? []), ...nudges]);
  });
  const lists = [...byCase.values()];
  const longest = Math.max(...lists.map((list) => list.length));
  return Array.from({ length: longest }, (_, r) => lists.flatMap((list) => list.slice(r, r + 1)));
}

const moved = ({ shape, data }: Values, i: number, by: number): Values => ({
  shape,
  data: data.with(i, data[i]! + by),
});

const dot = (a: Values, b: Values) => a.data.reduce((sum, v, i) => sum + v * b.data[i]!, 0);
