import { permutation } from "../../random/random.ts";
import { AttuneError } from "../../text/errors.ts";

export interface MixtureDataset {
  /** Training examples there are. */
  size: number;
  /** Times an epoch takes each example; 1 when left out. */
  weight?: number;
  /** The dataset counts as no larger than this; all of it when left out. */
  maxExamples?: number;
}

export interface MixtureSettings {
  /** Their examples are numbered through: the second's begin where the first's end. */
  datasets: readonly MixtureDataset[];
  /** 1, in proportion to size, when left out; the higher, the more equal datasets become. */
  temperature?: number;
  /** A new order each epoch; otherwise the files' order, dataset by dataset. */
  shuffle: boolean;
  seed: number;
}

/** What each epoch trains on, in order. */
export interface EpochOrder {
  /** Examples an epoch takes, the same in every epoch; one taken twice counts twice. */
  readonly examples: number;
  /** Indices of the examples of an epoch, counted from 0. [examples] */
  at(epoch: number): Uint32Array;
}

/** 1 GiB of indices. */
const MAX_EXAMPLES = 2 ** 28;

/**
 * Several datasets as one. With no weights, caps or temperature, an epoch is every example once.
 *
 * Otherwise dataset i of size nᵢ gives an epoch cᵢ examples, c being the same in every epoch: cᵢ ∝ weightᵢ · mᵢ^(1/T),
 * where mᵢ = min(nᵢ, maxExamplesᵢ) and the sum of all cᵢ is that of weightᵢ · mᵢ, so that a temperature changes shares
 * and not the epoch's length; each is rounded, and at least 1 (examples-proportional mixing with a limit K and a
 * temperature T: Raffel et al. 2020, https://arxiv.org/abs/1910.10683, section 3.5.2). Of these cᵢ, every example is
 * taken floor(cᵢ / nᵢ) times, and the rest are different ones, which go on from epoch to epoch through an order that
 * the seed chose, and then from its beginning: over any number of epochs, how often two examples of a dataset were
 * taken differs by at most 1.
 */
export function mixtureOrder({ datasets, temperature, shuffle, seed }: MixtureSettings): EpochOrder {
  const parts = datasetParts(datasets, examplesPerEpoch(datasets, temperature), seed);
  const examples = parts.reduce((n, { count }) => n + count, 0);
  const taken = (epoch: number) => {
    const list = new Uint32Array(examples);
    let end = 0;
    for (const part of parts) end = take(part, epoch, list, end);
    return list;
  };
  const at = (epoch: number) => {
    const list = taken(epoch);
    return shuffle ? permutation(examples, seed, "shuffle", epoch).map((i) => list[i]!) : list;
  };
  return { examples, at };
}

/**
 * How many examples of each dataset an epoch takes.
 * @throws AttuneError when a weight, cap or temperature is no positive number, or an epoch gets too long.
 */
export function examplesPerEpoch(datasets: readonly MixtureDataset[], temperature = 1): number[] {
  checkPositive("mixture.temperature", temperature);
  datasets.forEach(({ weight = 1, maxExamples = 1 }, i) => {
    checkPositive(`data.${i}.weight`, weight);
    checkPositive(`data.${i}.maxExamples`, maxExamples);
  });
  const limited = datasets.map(({ size, maxExamples = size }) => Math.min(size, maxExamples));
  const largest = Math.max(...limited);
  const weightOf = (i: number) => datasets[i]!.weight ?? 1;
  const total = Math.round(limited.reduce((sum, size, i) => sum + size * weightOf(i), 0));
  if (total > MAX_EXAMPLES)
    throw new AttuneError({
      code: "data.too-many-examples",
      place: "mixture",
      problem: `an epoch would have ${total} examples, more than ${MAX_EXAMPLES}`,
      wayOut: "Lower data.weight or data.maxExamples",
    });
  const rateOf = (size: number, i: number) => weightOf(i) * (size / largest) ** (1 / temperature);
  return apportion(
    total,
    limited.map((size, i) => (size === 0 ? 0 : Math.max(Number.MIN_VALUE, rateOf(size, i)))),
  );
}

/** How many of `indices` (ascending) lie in each of the datasets that follow each other with these lengths. */
export function countWithin(indices: ArrayLike<number>, lengths: readonly number[]): number[] {
  let [next, end] = [0, 0];
  return lengths.map((length) => {
    const first = next;
    end += length;
    while (next < indices.length && indices[next]! < end) next++;
    return next - first;
  });
}

/** Shares `total` out by largest remainder; whoever has a rate gets at least 1, beyond the total if need be. */
function apportion(total: number, rates: readonly number[]): number[] {
  const scale = total / rates.reduce((sum, rate) => sum + rate, 0);
  const exact = rates.map((rate) => rate * scale);
  const counts = exact.map((share, i) => (rates[i] === 0 ? 0 : Math.max(1, Math.floor(share))));
  const left = total - counts.reduce((sum, count) => sum + count, 0);
  const byNeed = rates.map((_, i) => i).filter((i) => rates[i] !== 0);
  byNeed.sort((a, b) => exact[b]! - counts[b]! - (exact[a]! - counts[a]!) || a - b);
  for (let k = 0; k < left; k++) counts[byNeed[k % byNeed.length]!]!++;
  for (let k = left; k < 0 && Math.max(...counts) > 1; k++) counts[counts.indexOf(Math.max(...counts))]!--;
  return counts;
}

interface Part {
  /** Index of the dataset's first example. */
  start: number;
  size: number;
  /** Examples an epoch takes. */
  count: number;
  /** The order in which those beyond whole passes are taken. */
  extras: Uint32Array;
}

function datasetParts(datasets: readonly MixtureDataset[], counts: readonly number[], seed: number): Part[] {
  let start = 0;
  return datasets.map(({ size }, i) => {
    const count = counts[i]!;
    const extras = count % size > 0 ? permutation(size, seed, `mixture ${i}`, 0) : new Uint32Array();
    const part = { start, size, count, extras };
    start += size;
    return part;
  });
}

/** Writes what an epoch takes of a dataset to `list`, whole passes first, each in file order; says where it ends. */
function take({ start, size, count, extras }: Part, epoch: number, list: Uint32Array, from: number): number {
  const extra = size === 0 ? 0 : count % size;
  const whole = count - extra;
  for (let i = 0; i < whole; i++) list[from + i] = start + (i % size);
  for (let i = 0; i < extra; i++) list[from + whole + i] = start + extras[(epoch * extra + i) % size]!;
  list.subarray(from + whole, from + count).sort();
  return from + count;
}

function checkPositive(key: string, value: number): void {
  if (!(value > 0 && value < Number.POSITIVE_INFINITY))
    throw new AttuneError({
      code: "data.wrong-weight",
      place: key,
      expected: "a positive number",
      got: `${value}`,
    });
}
