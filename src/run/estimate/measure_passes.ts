import { fork } from "node:child_process";
import { once } from "node:events";
import { AttuneError } from "../../text/errors.ts";
import type { MeasuredRun, MeasureReply, MeasureTask } from "./measurement.ts";

/**
 * What some passes take in a process of their own: memory is a process's, and one that dies of it takes nothing along.
 * @returns nothing where the process was ended from outside, as a system out of memory does.
 * @throws AttuneError as the run itself would.
 */
export async function measurePasses(
  task: MeasureTask,
  signal?: AbortSignal,
): Promise<MeasuredRun | undefined> {
  const child = fork(new URL("./measure_child.mjs", import.meta.url), {
    execArgv: [],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const stop = () => void child.kill("SIGKILL");
  signal?.addEventListener("abort", stop);
  try {
    let reply: MeasureReply | undefined;
    child.once("message", (message) => {
      reply = message as MeasureReply;
    });
    child.send(task, () => {});
    await once(child, "exit");
    signal?.throwIfAborted();
    if (!reply) return undefined;
    if ("fault" in reply) throw new AttuneError(reply.fault);
    if ("error" in reply) throw new Error(reply.error);
    return reply.measured;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}
