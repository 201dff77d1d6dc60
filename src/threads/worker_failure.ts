import { AttuneError, type Faults, partsOf } from "../text/errors.ts";

/** What a worker thread answers in place of a value; an error itself would arrive without its class. */
export type WorkerFailure = { fault: Faults } | { error: string };

/** What a worker answers when its work throws. */
export function workerFailure(error: unknown): WorkerFailure {
  if (error instanceof AttuneError) return { fault: partsOf(error) };
  const { message, stack } = error as Error;
  return { error: stack ?? message };
}

/** The error that a failure stands for. */
export const errorOfWorker = (failure: WorkerFailure): Error =>
  "fault" in failure ? new AttuneError(failure.fault) : new Error(failure.error);
