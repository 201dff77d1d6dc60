import { join } from "node:path";
import type { SequenceStore } from "../data/batches/sequence_store.ts";
import { readTensorBytes } from "../files/safetensors.ts";
import { readSafetensorsHeader, writeSafetensors } from "../files/safetensors_file.ts";
import type { Engine } from "../training/engine.ts";
import type { RunData } from "./prepare_data.ts";

/** Σ label weight · log probability of each sequence under the model before training. */
export interface ReferenceValues {
  train: Float64Array;
  evaluation: Float64Array;
}

/** Sequences computed at once. */
const AT_ONCE = 64;

type Progress = (done: number, total: number) => void;

/**
 * Computes the reference's values once and keeps them in the run directory: a run that goes on reads them.
 * @throws AttuneError when the disk refuses.
 */
export async function referenceValues(
  runPath: string,
  { train, evaluation }: Pick<RunData, "train" | "evaluation">,
  engine: Pick<Engine, "reference">,
  progress?: Progress,
): Promise<ReferenceValues> {
  const path = join(runPath, "reference.safetensors");
  const known = await readValues(path, { train, evaluation });
  if (known) return known;
  const total = train.length + evaluation.length;
  const values = {
    train: await valuesOf(train, engine, (done) => progress?.(done, total)),
    evaluation: await valuesOf(evaluation, engine, (done) => progress?.(train.length + done, total)),
  };
  const tensors = Object.entries(values).map(([name, data]) => ({
    name,
    dtype: "F64" as const,
    shape: [data.length],
    data: () => data,
  }));
  await writeSafetensors(path, tensors);
  return values;
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

/** What an earlier start of the run computed; nothing where it isn't whole. */
async function readValues(path: string, stores: Pick<RunData, "train" | "evaluation">) {
  const found = await readSafetensorsHeader(path).catch(() => undefined);
  const entries = [found?.tensors.get("train"), found?.tensors.get("evaluation")] as const;
  const lengths = [stores.train.length, stores.evaluation.length];
  if (!entries.every((entry, i) => entry?.dtype === "F64" && entry.shape.join() === String(lengths[i])))
    return undefined;
  const [train, evaluation] = await Promise.all(entries.map((entry) => readTensorBytes(entry!)));
  return {
    train: new Float64Array(train!.slice().buffer),
    evaluation: new Float64Array(evaluation!.slice().buffer),
  };
}
