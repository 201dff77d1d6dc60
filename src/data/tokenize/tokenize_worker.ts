/** The thread that tokenizes: it starts with a plan, takes chunks, and answers each with its tokens. */
import { parentPort, workerData } from "node:worker_threads";
import { type WorkerFailure, workerFailure } from "../../threads/worker_failure.ts";
import { type Chunk, type TokenizedChunk, tokenizeChunk } from "./tokenize_chunk.ts";
import { openPlan, type TokenizePlan } from "./tokenize_plan.ts";

export type WorkerReply = { chunk: TokenizedChunk } | WorkerFailure;

const options = attempt(() => openPlan(workerData as TokenizePlan));

parentPort!.on("message", (chunk: Chunk) => {
  const tokenized = "failure" in options ? options : attempt(() => tokenizeChunk(chunk, options.value));
  if ("failure" in tokenized) parentPort!.postMessage(tokenized.failure);
  else {
    const { records, tokens, runs, files, rows } = tokenized.value.block;
    const buffers = [records, tokens, runs, files, rows].map(({ buffer }) => buffer);
    parentPort!.postMessage({ chunk: tokenized.value } satisfies WorkerReply, buffers);
  }
});

function attempt<T>(work: () => T): { value: T } | { failure: WorkerFailure } {
  try {
    return { value: work() };
  } catch (error) {
    return { failure: workerFailure(error) };
  }
}
