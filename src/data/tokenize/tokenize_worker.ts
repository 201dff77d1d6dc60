/** The thread that tokenizes: told a plan when it starts, then chunks; it answers each with what the chunk became. */
import { parentPort, workerData } from "node:worker_threads";
import { AttuneError } from "../../text/errors.ts";
import { type Chunk, type TokenizedChunk, tokenizeChunk } from "./tokenize_chunk.ts";
import { openPlan, type TokenizePlan } from "./tokenize_plan.ts";

export type WorkerReply = { chunk: TokenizedChunk } | { error: string; isOurs: boolean };

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

function attempt<T>(work: () => T): { value: T } | { failure: WorkerReply } {
  try {
    return { value: work() };
  } catch (error) {
    const isOurs = error instanceof AttuneError;
    const { message, stack } = error as Error;
    return { failure: { error: isOurs ? message : (stack ?? message), isOurs } };
  }
}
