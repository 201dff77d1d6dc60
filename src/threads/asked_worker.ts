/** A worker thread that is asked, and answers in the order in which it was asked. */
import type { Worker } from "node:worker_threads";

export interface AskedWorker {
  /** The worker's next message that no earlier question waits for. @throws an error that says how the worker ended. */
  ask<Reply>(message: unknown, transfer?: readonly ArrayBuffer[]): Promise<Reply>;
  /** Questions without an answer. */
  waiting(): number;
  hasEnded(): boolean;
  end(): Promise<void>;
}

interface Question {
  resolve(reply: unknown): void;
  reject(error: Error): void;
}

/** The process ends without regard to a worker that nobody waits for. */
export function askedWorker(worker: Worker): AskedWorker {
  const questions: Question[] = [];
  let ended: Error | undefined;
  const end = (why: string) => {
    ended ??= new Error(why);
    for (const { reject } of questions.splice(0)) reject(ended);
  };
  worker.on("error", (error) => end(error.message));
  worker.on("exit", (code) => end(`exit code ${code}`));
  worker.on("message", (reply) => {
    questions.shift()?.resolve(reply);
    if (questions.length === 0) worker.unref();
  });
  worker.unref();
  return {
    ask: <Reply>(message: unknown, transfer: readonly ArrayBuffer[] = []) =>
      new Promise<Reply>((resolve, reject) => {
        if (ended) return reject(ended);
        worker.postMessage(message, transfer);
        worker.ref();
        questions.push({ resolve: (reply) => resolve(reply as Reply), reject });
      }),
    waiting: () => questions.length,
    hasEnded: () => ended !== undefined,
    async end() {
      await worker.terminate();
    },
  };
}
