import type { SequenceStore } from "../data/batches/sequence_store.ts";
import type { Engine } from "./engine.ts";
import type { LoopData } from "./loop.ts";

/** Σ label weight · log probability of each sequence under the model before training. */
export interface ReferenceValues {
  train: Float64Array;
  evaluation: Float64Array;
}

/** Sequences computed at once. */
const AT_ONCE = 64;

/** @param progress callback: how many sequences are done, and of how many */
export async function computeReference(
  { train, evaluation }: Pick<LoopData, "train" | "evaluation">,
  engine: Pick<Engine, "reference">,
  progress?: (done: number, total: number) => void,
): Promise<ReferenceValues> {
  const total = train.length + evaluation.length;
  return {
    train: await valuesOf(train, engine, (done) => progress?.(done, total)),
    evaluation: await valuesOf(evaluation, engine, (done) => progress?.(train.length + done, total)),
  };
}

async function valuesOf(store: SequenceStore, engine: Pick<Engine, "reference">, done: (n: number) => void) {
  const values = new Float64Array(store.length);
  for (let from = 0; from < store.length; from += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, store.length - from) }, (_, i) => store.at(from + i));
    values.set(await engine.reference(some), from);
    done(from + some.length);
  }
  return values;
}
