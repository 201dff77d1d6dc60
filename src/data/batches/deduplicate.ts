import type { Origin } from "../example.ts";
import { firstEqual } from "./equal_sequences.ts";
import { type SequenceStore, selectSequences } from "./sequence_store.ts";
import type { Split } from "./split.ts";

export interface Deduplicated {
  /** Indices of the training examples that stay, ascending. */
  train: Uint32Array;
  /** Indices of those that were dropped, ascending. [duplicates] */
  dropped: Uint32Array;
  /** The example that each dropped one equals, to be found in the evaluation split or in `train`. [duplicates] */
  equalTo: Uint32Array;
  /** How many of the dropped equal an example of the evaluation split. */
  leaked: number;
}

/**
 * Drops training examples whose tokens and label weights equal those of an evaluation example, or of an earlier
 * training example. The evaluation split stays as it is.
 */
export function deduplicate(store: SequenceStore, { train, evaluation }: Split): Deduplicated {
  const order = concatenate(evaluation, train);
  const first = firstEqual(selectSequences(store, order));
  const isKept = (k: number) => first[evaluation.length + k] === evaluation.length + k;
  const dropped = train.filter((_, k) => !isKept(k));
  const matches = first.subarray(evaluation.length).filter((_, k) => !isKept(k));
  return {
    train: train.filter((_, k) => isKept(k)),
    dropped,
    equalTo: matches.map((match) => order[match]!),
    leaked: matches.filter((match) => match < evaluation.length).length,
  };
}

/** Where the dropped examples came from, and those they equal. */
export function* duplicateOrigins(
  store: SequenceStore,
  { dropped, equalTo }: Deduplicated,
): Generator<{ origin: Origin; equalTo: Origin }> {
  for (let k = 0; k < dropped.length; k++)
    yield { origin: store.at(dropped[k]!).origin, equalTo: store.at(equalTo[k]!).origin };
}

function concatenate(a: Uint32Array, b: Uint32Array): Uint32Array {
  const both = new Uint32Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
