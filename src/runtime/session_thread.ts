import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { checkTelemetry } from "./telemetry.ts";
import { turns } from "./turns.ts";

/** A thread that sessions live in; see `session_worker.mjs` for what it can be asked. */
export interface SessionThread {
  /** Runs what asks the thread when what was called before has ended: one question is open at a time. */
  inTurn<T>(task: () => Promise<T>): Promise<T>;
  /** To be called in turn. The answer has an `error` where what was asked failed, or the thread died. */
  ask<T extends object>(task: string, message?: object, transfer?: ArrayBuffer[]): Promise<ThreadAnswer<T>>;
  hasEnded(): boolean;
  end(): Promise<void>;
}

export type ThreadAnswer<T> = Partial<T> & { error?: string };

/** @throws AttuneError in a worker thread of a process where nobody decided about telemetry. */
export function startThread(): SessionThread {
  checkTelemetry();
  const worker = new Worker(new URL("./session_worker.mjs", import.meta.url));
  worker.on("error", () => {}); // whoever waits for an answer gets it
  const hasEnded = () => worker.threadId === -1;
  return {
    inTurn: turns(),
    async ask<T extends object>(task: string, message: object = {}, transfer: ArrayBuffer[] = []) {
      if (hasEnded()) return { error: "its thread has ended" } as ThreadAnswer<T>;
      worker.postMessage({ task, ...message }, transfer);
      worker.ref();
      return answer(worker).finally(() => worker.unref()) as Promise<ThreadAnswer<T>>;
    },
    hasEnded,
    end: async () => {
      await worker.terminate();
    },
  };
}

/** The worker's next message. A worker that dies sends none: that is an error, too. */
async function answer(worker: Worker): Promise<{ error?: string }> {
  const stop = new AbortController();
  const end = once(worker, "exit", stop).then(([code]) => ({ error: `its thread ended with code ${code}` }));
  try {
    const reply = once(worker, "message", stop).then(([message]) => message as object);
    return await Promise.race([reply, end]);
  } catch (error) {
    return { error: `its thread failed: ${(error as Error).message}` };
  } finally {
    stop.abort();
  }
}
