import type { Moments } from "../training/adamw.ts";
import { type Progress, START } from "../training/loop.ts";
import type { Trainable } from "../training/trainable.ts";
import { type Origin, requireSameOrigin } from "./origin.ts";
import type { RunDirectory } from "./run_directory.ts";
import { readState, restoreCheckpoint } from "./saving.ts";

/**
 * Puts the last checkpoint's arrays in place. @returns where the run goes on: at its start where there is no checkpoint
 * @throws AttuneError when the checkpoint is of other weights, data or settings than there are now.
 */
export async function restore(
  { path, checkpoint }: Pick<RunDirectory, "path" | "checkpoint">,
  { trainables, moments }: { trainables: readonly Trainable[]; moments: readonly Moments[] },
  now: Origin,
): Promise<Progress> {
  if (!checkpoint) return START;
  const { step } = checkpoint;
  const { origin: then, ...progress } = readState(checkpoint);
  requireSameOrigin(then, now, { path, step });
  await restoreCheckpoint(checkpoint, trainables, moments);
  return { step, ...progress };
}
