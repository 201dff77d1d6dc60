import { Worker } from "node:worker_threads";
import { AttuneError } from "../text/errors.ts";
import { type AskedWorker, askedWorker } from "../threads/asked_worker.ts";
import { errorOfWorker } from "../threads/worker_failure.ts";
import type { EncodeOptions, Tokenizer } from "../tokenizers/tokenizer.ts";
import { type EncodePrompt, encodePrompt } from "./encode_prompt.ts";
import type { EncodeReply } from "./encode_worker.ts";

/** What a tokenizer is made from, as plain data. */
export interface TokenizerSource {
  /** Parsed `tokenizer.json` and `tokenizer_config.json`. */
  tokenizerJson: unknown;
  tokenizerConfig: unknown;
  eosIds: readonly number[];
  mediaIds?: readonly number[];
}

/** What the thread is asked. */
export interface PromptText {
  text: string;
  options: EncodeOptions;
  maxPositions?: number;
}

/** Tokenizes prompts: short ones here, long ones in a thread of its own, which the first of them starts. */
export interface PromptThread {
  encode: EncodePrompt;
  close(): Promise<void>;
}

/** UTF-16 units that are tokenized here: within some milliseconds. */
const SHORT = 8192;

/** A text of megabytes takes seconds: on this thread nobody else's answer would go on meanwhile. */
export function createPromptThread(tokenizer: Tokenizer, source: TokenizerSource): PromptThread {
  let thread: AskedWorker | undefined;
  const awake = () => {
    if (!thread || thread.hasEnded()) thread = startThread(source);
    return thread;
  };
  return {
    encode(text, options, maxPositions) {
      if (text.length <= SHORT) return encodePrompt(tokenizer, text, options, maxPositions);
      return encodeIn(awake(), { text, options, maxPositions });
    },
    close: async () => thread?.end(),
  };
}

function startThread(source: TokenizerSource): AskedWorker {
  const url = new URL("./encode_worker.mjs", import.meta.url);
  // What the process was started with has been done already.
  return askedWorker(new Worker(url, { workerData: source, execArgv: [] }));
}

async function encodeIn(thread: AskedWorker, asked: PromptText): Promise<number[]> {
  const reply = await thread
    .ask<EncodeReply>(asked)
    .catch((error: Error) => Promise.reject(ended(error.message)));
  if ("ids" in reply) return Array.from(reply.ids);
  throw errorOfWorker(reply);
}

const ended = (why: string) =>
  new AttuneError({
    code: "generation.thread-ended",
    place: "tokenizing a prompt",
    problem: `the thread ended before its work was done: ${why}`,
  });
