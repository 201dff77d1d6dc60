import { type Progress, START } from "../training/loop.ts";
import { type RunOrigin, requireSameOrigin } from "./origin.ts";
import type { RunDirectory } from "./run_directory.ts";
import { readState } from "./saving.ts";

/**
 * Where a run goes on: at its start where there is no checkpoint.
 * @throws AttuneError when the checkpoint is of other weights, data or settings than there are now.
 */
export function progressOf(
  { path, checkpoint }: Pick<RunDirectory, "path" | "checkpoint">,
  now: RunOrigin,
): Progress {
  if (!checkpoint) return START;
  const { step } = checkpoint;
  const { origin: then, ...progress } = readState(checkpoint);
  requireSameOrigin(then, now, { path, step });
  return { step, ...progress };
}
