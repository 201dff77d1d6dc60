import { Worker } from "node:worker_threads";
import { AttuneError } from "../../text/errors.ts";
import type { Chunk, TokenizedChunk } from "./tokenize_chunk.ts";
import type { TokenizePlan } from "./tokenize_plan.ts";
import type { WorkerReply } from "./tokenize_worker.ts";

/** Threads that tokenize chunks. */
export interface TokenizePool {
  /** @throws AttuneError when a row can't be tokenized, or the thread died over it. */
  run(chunk: Chunk): Promise<TokenizedChunk>;
  /** Ends all threads; what they were at fails. */
  close(): Promise<void>;
}

export function openTokenizePool(plan: TokenizePlan, size: number): TokenizePool {
  const threads = Array.from({ length: size }, () => startThread(plan));
  return {
    run(chunk) {
      const idlest = threads.reduce((best, thread) => (thread.waiting() < best.waiting() ? thread : best));
      return idlest.run(chunk);
    },
    async close() {
      await Promise.all(threads.map((thread) => thread.close()));
    },
  };
}

interface Waiting {
  resolve(chunk: TokenizedChunk): void;
  reject(error: Error): void;
}

/** A thread answers in the order in which it was asked. */
function startThread(plan: TokenizePlan) {
  const worker = new Worker(new URL("./tokenize_worker.mjs", import.meta.url), {
    workerData: plan,
    execArgv: [], // what the process was started with has been done already
  });
  const waiting: Waiting[] = [];
  let dead: AttuneError | undefined;
  const die = (why: string) => {
    dead ??= new AttuneError({
      code: "data.thread-ended",
      place: "tokenizing",
      problem: `a thread ended before its work was done: ${why}`,
    });
    for (const { reject } of waiting.splice(0)) reject(dead);
  };
  worker.on("message", (reply: WorkerReply) => {
    const { resolve, reject } = waiting.shift()!;
    if ("chunk" in reply) resolve(reply.chunk);
    else reject("fault" in reply ? new AttuneError(reply.fault) : new Error(reply.error));
  });
  worker.on("error", (error) => die(error.message));
  worker.on("exit", (code) => die(`exit code ${code}`));
  return {
    waiting: () => waiting.length,
    run: (chunk: Chunk) =>
      new Promise<TokenizedChunk>((resolve, reject) => {
        if (dead) return reject(dead);
        waiting.push({ resolve, reject });
        worker.postMessage(chunk);
      }),
    close: () => worker.terminate(),
  };
}
