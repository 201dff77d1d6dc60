import { type Deduplicated, deduplicate, duplicateOrigins } from "../data/batches/deduplicate.ts";
import { countWithin, type MixtureDataset } from "../data/batches/mixture.ts";
import { joinSequences, type SequenceStore, selectSequences } from "../data/batches/sequence_store.ts";
import { type Split, splitSequences } from "../data/batches/split.ts";
import { sequencesOf, wholeExamples } from "../data/batches/whole_examples.ts";
import type { Origin } from "../data/example.ts";
import { branchesOf } from "./objectives/objective.ts";
import { openObjective } from "./objectives/objectives.ts";
import type { Recipe } from "./recipe.ts";

/** Tokenized data as a run takes it. */
export interface DividedData {
  /** Sequences; those of an example follow each other. */
  train: SequenceStore;
  evaluation: SequenceStore;
  /** Sequences of an example: a pair of answers has two. */
  branches: number;
  /** How many of `train` come from each dataset, in order, and what the recipe says of them. */
  datasets: MixtureDataset[];
  /** Training examples left out because they equal another. */
  duplicates: Duplicates;
}

export interface Duplicates {
  count: number;
  first: { origin: Origin; equalTo: Origin }[];
}

/**
 * Holds examples out and leaves duplicates out, as the recipe says.
 * @param stores of its datasets, in order
 * @param heldOut what is held out beside a fraction of them
 */
export function divideData(
  recipe: Recipe,
  stores: readonly SequenceStore[],
  heldOut: readonly SequenceStore[] = [],
): DividedData {
  const branches = branchesOf(openObjective(recipe.objective).answers);
  const store = joinSequences(stores);
  const examples = wholeExamples(store, branches);
  const split = splitStore(examples, recipe);
  const { train, duplicates } = recipe.deduplicate
    ? withoutDuplicates(examples, split)
    : { train: split.train, duplicates: { count: 0, first: [] } };
  const sizes = countWithin(
    train,
    stores.map(({ length }) => length / branches),
  );
  return {
    train: selectSequences(store, sequencesOf(train, branches)),
    evaluation: joinSequences([selectSequences(store, sequencesOf(split.evaluation, branches)), ...heldOut]),
    branches,
    datasets: recipe.data.map(({ weight, maxExamples }, i) => ({ size: sizes[i]!, weight, maxExamples })),
    duplicates,
  };
}

function splitStore(store: SequenceStore, { evaluation, seed }: Recipe): Split {
  const fraction = evaluation?.fraction;
  if (fraction !== undefined) return splitSequences(store, { fraction, seed });
  return { train: Uint32Array.from({ length: store.length }, (_, i) => i), evaluation: new Uint32Array() };
}

const SHOWN = 5;

function withoutDuplicates(store: SequenceStore, split: Split) {
  const found: Deduplicated = deduplicate(store, split);
  const first = [...duplicateOrigins(store, { ...found, dropped: found.dropped.subarray(0, SHOWN) })];
  return { train: found.train, duplicates: { count: found.dropped.length, first } };
}
