/**
 * ONNX Runtime on Linux writes a device id and a queue of events below the home directory and tries to send them, unless
 * this variable is set in the process before the runtime is loaded. Here it is off unless the user set the variable:
 * "0" turns it on. A worker thread has a copy of the environment, which the runtime does not read: so only the main
 * thread can turn it off.
 */
import { isMainThread } from "node:worker_threads";
import { AttuneError } from "../text/errors.ts";

const VARIABLE = "ORT_DISABLE_TELEMETRY";

if (isMainThread) process.env[VARIABLE] ??= "1";

/** Whether the runtime may send events. */
export const telemetryIsOn = (): boolean => !["1", "true"].includes(process.env[VARIABLE] ?? "");

/** @throws AttuneError in a worker thread of a process where nobody decided. */
export function checkTelemetry(): void {
  if (process.env[VARIABLE] !== undefined) return;
  throw new AttuneError({
    code: "runtime.telemetry-undecided",
    place: VARIABLE,
    problem: "it is not set, and from a worker thread the runtime's telemetry can't be turned off",
    wayOut: `Import attune in the main thread before the worker starts, or start the process with ${VARIABLE}=1 (0 allows telemetry)`,
  });
}
