import { permutation, randomUniform } from "../../random/random.ts";
import { AttuneError } from "../../text/errors.ts";

/** What one key of the recipe may be: one of some values, or any number between two. */
export type SweepAxis =
  | { key: string; values: readonly unknown[] }
  | { key: string; low: number; high: number };

/** Values of a trial, by the recipe's dotted keys. */
export type TrialValues = Record<string, unknown>;

export const MOST_TRIALS = 1000;

/**
 * All combinations of the axes' values or, with `random`, so many of them by chance, none twice. Ranges are drawn from: even on a
 * logarithmic scale where both ends are above 0, whole where both are.
 * @throws AttuneError when there is nothing to try, or too much.
 */
export function planTrials(
  axes: readonly SweepAxis[],
  { random, seed = 0 }: { random?: number; seed?: number } = {},
): TrialValues[] {
  if (axes.length === 0)
    throw new AttuneError({
      code: "run.nothing-to-sweep",
      place: "sweep",
      problem: "no key is to be varied",
      wayOut: "Give some: --set training.learningRate=1e-4,3e-4, or sweep: { set: … } in the recipe",
    });
  for (const axis of axes) checkAxis(axis, random);
  const sizes = axes.map((axis) => ("values" in axis ? axis.values.length : Number.POSITIVE_INFINITY));
  const all = sizes.reduce((product, size) => product * size, 1);
  const count = random === undefined ? all : Math.min(random, all);
  if (count > MOST_TRIALS) throw tooMany(count);
  if (random === undefined || random >= all)
    return Array.from({ length: all }, (_, i) => combination(axes, i));
  if (all === Number.POSITIVE_INFINITY) return Array.from({ length: random }, (_, i) => drawn(axes, seed, i));
  return [...permutation(all, seed, "sweep", 0).subarray(0, count)]
    .sort((a, b) => a - b)
    .map((i) => combination(axes, i));
}

function checkAxis(axis: SweepAxis, random: number | undefined): void {
  const wrong = (problem: string, wayOut: string) => {
    throw new AttuneError({ code: "run.empty-axis", place: `sweep: ${axis.key}`, problem, wayOut });
  };
  if ("values" in axis) {
    if (axis.values.length === 0) wrong("it has no values", "Give some: KEY=1,2,3");
    const known = new Set(axis.values.map((value) => JSON.stringify(value)));
    if (known.size < axis.values.length) wrong("it has a value twice", "Give each once");
  } else if (!(axis.low < axis.high)) wrong("its range has no width", "Give LOW..HIGH");
  else if (random === undefined)
    wrong("a range has no end of values", "Say how many to draw: --random N, or list values");
}

/** The i-th combination; the last axis goes round first. */
function combination(axes: readonly SweepAxis[], i: number): TrialValues {
  let rest = i;
  const values: [string, unknown][] = [];
  for (const axis of [...axes].reverse()) {
    if (!("values" in axis)) continue;
    values.unshift([axis.key, axis.values[rest % axis.values.length]]);
    rest = Math.floor(rest / axis.values.length);
  }
  return Object.fromEntries(values);
}

function drawn(axes: readonly SweepAxis[], seed: number, trial: number): TrialValues {
  return Object.fromEntries(
    axes.map((axis, i) => {
      const share = randomUniform(seed, "sweep", trial, i);
      if ("values" in axis) return [axis.key, axis.values[Math.floor(share * axis.values.length)]];
      return [axis.key, between(axis, share)];
    }),
  );
}

function between({ low, high }: { low: number; high: number }, share: number): number {
  const value = low > 0 ? low * (high / low) ** share : low + share * (high - low);
  if (Number.isInteger(low) && Number.isInteger(high)) return Math.round(value);
  return Number(value.toPrecision(4));
}

const tooMany = (count: number) =>
  new AttuneError({
    code: "run.too-many-trials",
    place: "sweep",
    expected: `at most ${MOST_TRIALS} trials`,
    got: String(count),
    wayOut: "Vary fewer keys, or try some by chance: --random N",
  });
