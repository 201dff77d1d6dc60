import { dirname, join } from "node:path";
import * as z from "zod";
import type { Adapter } from "../adapters/adapter.ts";
import { kindOf } from "../adapters/kinds/kinds.ts";
import { writeAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { torchDtype } from "../files/dtype.ts";
import { copyOf, readTensor, type TensorSource } from "../files/safetensors.ts";
import {
  type NamedTensor,
  pruneCheckpoints,
  type TrainingCheckpoint,
  writeCheckpoint,
} from "../files/training_checkpoint.ts";
import { modelLayout } from "../models/layout.ts";
import type { Base } from "../pretrained/base.ts";
import { saveModelDirectory } from "../pretrained/model_directory.ts";
import { AttuneError } from "../text/errors.ts";
import type { Moments } from "../training/adamw.ts";
import type { Trainable } from "../training/trainable.ts";
import { trainedAdapter } from "../training/trained_adapter.ts";
import { Origin } from "./origin.ts";

/** Writes what was trained where people look for it, and says where. */
export type SaveResult = (directory: string) => Promise<string>;

/** `adapter/`, in PEFT's layout. */
export function saveAdapter(adapter: Adapter, trainables: readonly Trainable[]): SaveResult {
  return async (directory) => {
    const trained = trainedAdapter(adapter, trainables);
    await writeAdapterDirectory(directory, kindOf(adapter).finished?.(trained) ?? trained);
    return directory;
  };
}

/** `model/`: what was trained, rounded once to the type of the base's files, and the rest of the base as it is. */
export function saveModel({ directory: from, model }: Base, trainables: readonly Trainable[]): SaveResult {
  const trained = new Set(trainables.map(({ name }) => name));
  const rest = [...modelLayout(model).parameters.keys()].filter((name) => !trained.has(name));
  const fallback = torchDtype(from.config.dtype ?? from.config.torch_dtype) ?? "F32";
  return async (directory) => {
    const tensors: TensorSource[] = trainables.map((t) => ({
      name: t.name,
      dtype: from.tensors.get(t.name)?.dtype ?? fallback,
      shape: [...t.shape],
      data: () => t.data,
    }));
    tensors.push(...rest.map((name) => copyOf(from.tensors.get(name)!)));
    await saveModelDirectory(directory, { config: from.config, tensors, from, replace: true });
    return directory;
  };
}

/** All that a bit-exact resume needs beyond recipe and data: everything random is a function of the step. */
const RunState = z.strictObject({
  /** A resume on anything else is refused. */
  origin: Origin,
  bestEvalLoss: z.number().nullable(),
  bestStep: z.int().nonnegative(),
  evaluationsWithoutGain: z.int().nonnegative(),
});
export type RunState = z.output<typeof RunState>;

const KEPT_CHECKPOINTS = 2;

export async function saveCheckpoint(
  runPath: string,
  step: number,
  trainables: readonly Trainable[],
  moments: readonly Moments[],
  state: RunState,
): Promise<string> {
  const tensors = trainables.flatMap(({ name, shape, data }, i) =>
    PARTS.map((part): NamedTensor => {
      const values = part === "value" ? data : moments[i]![part];
      return { name: `${part} ${name}`, shape: [...shape], data: values };
    }),
  );
  const path = await writeCheckpoint(runPath, step, { tensors, state });
  await pruneCheckpoints(runPath, { keep: KEPT_CHECKPOINTS });
  return path;
}

const PARTS = ["value", "m", "v"] as const;

/** @throws AttuneError when it is of another kind, as another version of attune may write it. */
export function readState({ path, state }: TrainingCheckpoint): RunState {
  const parsed = RunState.safeParse(state);
  if (parsed.success) return parsed.data;
  throw new AttuneError({
    code: "run.foreign-checkpoint",
    place: path,
    problem: "another version of attune wrote it",
    wayOut: `Go on with that version, or remove ${dirname(path)} to begin again with the first step`,
  });
}

/** Puts a checkpoint's arrays in place. */
export async function restoreCheckpoint(
  { path, tensors }: TrainingCheckpoint,
  trainables: readonly Trainable[],
  moments: readonly Moments[],
): Promise<void> {
  for (const [i, trainable] of trainables.entries())
    for (const part of PARTS) {
      const entry = tensors.get(`${part} ${trainable.name}`);
      if (entry?.shape.join() !== trainable.shape.join())
        throw new AttuneError(
          `${join(path, "tensors.safetensors")} does not fit the model: ${trainable.name}`,
        );
      const target = part === "value" ? trainable.data : moments[i]![part];
      target.set(await readTensor(entry!));
    }
}
