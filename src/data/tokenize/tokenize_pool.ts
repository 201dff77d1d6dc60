import { Worker } from "node:worker_threads";
import { AttuneError } from "../../text/errors.ts";
import { type AskedWorker, askedWorker } from "../../threads/asked_worker.ts";
import { errorOfWorker } from "../../threads/worker_failure.ts";
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
      return tokenized(idlest, chunk);
    },
    async close() {
      await Promise.all(threads.map((thread) => thread.end()));
    },
  };
}

function startThread(plan: TokenizePlan): AskedWorker {
  const url = new URL("./tokenize_worker.mjs", import.meta.url);
  // What the process was started with has been done already.
  return askedWorker(new Worker(url, { workerData: plan, execArgv: [] }));
}

async function tokenized(worker: AskedWorker, chunk: Chunk): Promise<TokenizedChunk> {
  const reply = await worker
    .ask<WorkerReply>(chunk)
    .catch((error: Error) => Promise.reject(ended(error.message)));
  if ("chunk" in reply) return reply.chunk;
  throw errorOfWorker(reply);
}

const ended = (why: string) =>
  new AttuneError({
    code: "data.thread-ended",
    place: "tokenizing",
    problem: `a thread ended before its work was done: ${why}`,
  });
