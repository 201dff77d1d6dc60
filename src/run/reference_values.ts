import { join } from "node:path";
import { readTensorBytes } from "../files/safetensors.ts";
import { readSafetensorsHeader, writeSafetensors } from "../files/safetensors_file.ts";
import type { Engine } from "../training/engine.ts";
import { shareArrays } from "../training/ranks.ts";
import { computeReference, type ReferenceValues } from "../training/reference_values.ts";
import type { RunData } from "./prepare_data.ts";
import type { RunLock } from "./run_lock.ts";
import type { Team } from "./team.ts";

/**
 * Computes the reference's values once and keeps them in the run directory: a run that goes on reads them.
 * @throws AttuneError when the disk refuses.
 */
export async function referenceValues(
  { isLeader, fromLeader, ranks }: Team,
  { path: runPath, lock }: { path: string; lock: RunLock },
  stores: Pick<RunData, "train" | "evaluation">,
  engine: Pick<Engine, "reference">,
  progress?: (done: number, total: number) => void,
): Promise<ReferenceValues> {
  const path = join(runPath, "reference.safetensors");
  const known = isLeader ? await readValues(path, stores) : undefined;
  if (await fromLeader(() => known !== undefined)) {
    const values = known ?? emptyValues(stores);
    await shareArrays(ranks, [values.train, values.evaluation]);
    return values;
  }
  const values = await computeReference(stores, engine, progress);
  if (isLeader) await lock.write(() => writeValues(path, values));
  return values;
}

const emptyValues = ({ train, evaluation }: Pick<RunData, "train" | "evaluation">) => ({
  train: new Float64Array(train.length),
  evaluation: new Float64Array(evaluation.length),
});

const writeValues = (path: string, values: ReferenceValues) =>
  writeSafetensors(
    path,
    Object.entries(values).map(([name, data]) => ({
      name,
      dtype: "F64" as const,
      shape: [data.length],
      data: () => data,
    })),
  );

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
