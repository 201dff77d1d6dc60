import { dirname, join } from "node:path";
import * as z from "zod";
import type { Adapter } from "../adapters/adapter.ts";
import { writeAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { pruneCheckpoints, type TrainingCheckpoint, writeCheckpoint } from "../files/training_checkpoint.ts";
import type { Base } from "../pretrained/base.ts";
import { saveModelDirectory } from "../pretrained/model_directory.ts";
import { AttuneError } from "../text/errors.ts";
import type { Moments } from "../training/adamw.ts";
import { checkpointArrays, restoreArrays } from "../training/checkpoint_arrays.ts";
import { LossScale } from "../training/loss_scale.ts";
import type { Trainable } from "../training/trainable.ts";
import { finishedAdapter } from "../training/trained_adapter.ts";
import { RunOrigin } from "./origin.ts";
import { trainedTensors } from "./trained_tensors.ts";

/** Writes what was trained where people look for it, and says where. */
export type SaveResult = (directory: string) => Promise<string>;

/** `adapter/`, in PEFT's layout. */
export function saveAdapter(adapter: Adapter, trainables: readonly Trainable[]): SaveResult {
  return async (directory) => {
    await writeAdapterDirectory(directory, finishedAdapter(adapter, trainables));
    return directory;
  };
}

/** `model/`: what was trained, rounded once to the type of the base's files, and the rest of the base as it is. */
export function saveModel({ directory: from }: Base, trainables: readonly Trainable[]): SaveResult {
  return async (directory) => {
    const tensors = trainedTensors({ directory: from }, trainables);
    await saveModelDirectory(directory, { config: from.config, tensors, from, replace: true });
    return directory;
  };
}

/** All that a bit-exact resume needs beyond recipe and data: everything random is a function of the step. */
const RunState = z.strictObject({
  /** A resume on anything else is refused. */
  origin: RunOrigin,
  bestEvalLoss: z.number().nullable(),
  bestStep: z.int().nonnegative(),
  evaluationsWithoutGain: z.int().nonnegative(),
  lossScale: LossScale.optional(),
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
  const tensors = checkpointArrays(trainables, moments);
  const path = await writeCheckpoint(runPath, step, { tensors, state });
  await pruneCheckpoints(runPath, { keep: KEPT_CHECKPOINTS });
  return path;
}

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
export const restoreCheckpoint = (
  { path, tensors }: TrainingCheckpoint,
  trainables: readonly Trainable[],
  moments: readonly Moments[],
): Promise<void> => restoreArrays(tensors, join(path, "tensors.safetensors"), trainables, moments);
