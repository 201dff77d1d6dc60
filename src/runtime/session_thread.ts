import { Worker } from "node:worker_threads";
import { askedWorker } from "../threads/asked_worker.ts";
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
  const worker = askedWorker(new Worker(new URL("./session_worker.mjs", import.meta.url)));
  return {
    inTurn: turns(),
    ask: <T extends object>(task: string, message: object = {}, transfer: ArrayBuffer[] = []) =>
      worker
        .ask<ThreadAnswer<T>>({ task, ...message }, transfer)
        .catch(({ message }: Error) => ({ error: `its thread ended: ${message}` }) as ThreadAnswer<T>),
    hasEnded: worker.hasEnded,
    end: worker.end,
  };
}
