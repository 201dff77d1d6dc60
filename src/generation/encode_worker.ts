/** The thread that tokenizes long prompts: it starts with a tokenizer's files, and answers each text with its tokens. */
import { parentPort, workerData } from "node:worker_threads";
import { type WorkerFailure, workerFailure } from "../threads/worker_failure.ts";
import { createTokenizer } from "../tokenizers/tokenizer.ts";
import { encodePrompt } from "./encode_prompt.ts";
import type { PromptText, TokenizerSource } from "./prompt_thread.ts";

export type EncodeReply = { ids: Uint32Array<ArrayBuffer> } | WorkerFailure;

const { tokenizerJson, tokenizerConfig, eosIds, mediaIds } = workerData as TokenizerSource;
const tokenizer = createTokenizer(tokenizerJson, tokenizerConfig, eosIds, mediaIds);

parentPort!.on("message", (asked: PromptText) => {
  const reply = answer(asked);
  parentPort!.postMessage(reply, "ids" in reply ? [reply.ids.buffer] : []);
});

function answer({ text, options, maxPositions }: PromptText): EncodeReply {
  try {
    return { ids: Uint32Array.from(encodePrompt(tokenizer, text, options, maxPositions)) };
  } catch (error) {
    return workerFailure(error);
  }
}
