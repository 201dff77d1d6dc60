import type { Dimensions } from "../models/family.ts";
import { randomUniform } from "../random/random.ts";
import { AttuneError } from "../text/errors.ts";
import { chooseToken, type Warping } from "./sample.ts";
import type { SequenceReader } from "./sequence_reader.ts";
import { applyRules, type TokenRule } from "./token_rules.ts";

/** Why an answer ended: by a stop token or string, or because it may not be longer. */
export type FinishReason = "stop" | "length";

export interface GenerateOptions {
  /** New tokens at most. */
  maxTokens: number;
  /** Seconds at most: the token under way then is the last. */
  maxTime?: number;
  /** Tokens that end the answer, themselves included. */
  stopIds: ReadonlySet<number>;
  rules: readonly TokenRule[];
  sampling: Warping;
  /** Of the sampled numbers: the same seed, the same answer. */
  seed: number;
  signal?: AbortSignal;
  onToken?: OnToken;
  onPrompt?: OnPrompt;
}

/** Gets each token as it is computed, and the model's logits [V] it was chosen from, before rules and sampling. */
export type OnToken = (id: number, logits: Float32Array, at: { isEnd: boolean }) => void;

/** Gets the logits [V] of what comes after each token of the prompt, in order. */
export type OnPrompt = (logits: Float32Array) => void;

/**
 * The tokens that follow `prompt`, one by one as they are computed, a stop token included.
 * Of none, `onPrompt` has its logits all the same, and the prompt may be as long as the model was made for.
 * @returns why it ended, as the iterator's return value.
 * @throws AttuneError when the prompt is empty or longer than the model was made for; the signal's reason when aborted.
 */
export async function* generate(
  reader: SequenceReader,
  { maxPositions = Number.POSITIVE_INFINITY }: Dimensions,
  prompt: readonly number[],
  { maxTokens, maxTime, stopIds, rules, sampling, seed, signal, onToken, onPrompt }: GenerateOptions,
): AsyncGenerator<number, FinishReason> {
  checkPrompt(prompt, maxTokens > 0 ? maxPositions : maxPositions + 1);
  const tokens = [...prompt];
  if (maxTokens === 0 && onPrompt) await reader.next(tokens, signal, onPrompt);
  const maxNewTokens = Math.min(maxTokens, maxPositions - prompt.length);
  const isOver = deadline(maxTime);
  for (let step = 0; step < maxNewTokens; step++) {
    signal?.throwIfAborted();
    const logits = await reader.next(tokens, signal, step === 0 ? onPrompt : undefined);
    const scores = applyRules(logits, rules, { tokens, promptLength: prompt.length, maxNewTokens });
    const id = chooseToken(scores, sampling, () => randomUniform(seed, "sampling", step, 0));
    onToken?.(id, logits, { isEnd: stopIds.has(id) });
    yield id;
    if (stopIds.has(id)) return "stop";
    if (isOver()) break;
    tokens.push(id);
  }
  return "length";
}

/** Whether `seconds` have gone by since now. */
export function deadline(seconds = Number.POSITIVE_INFINITY): () => boolean {
  const end = performance.now() + 1000 * seconds;
  return () => performance.now() > end;
}

/** The code of the error of a prompt that leaves no room for an answer. */
export const EMPTY_PROMPT = "generation.empty-prompt";
export const PROMPT_TOO_LONG = "generation.prompt-too-long";

/** @throws AttuneError when nothing can follow. */
export function checkPrompt(prompt: readonly number[], maxPositions: number): void {
  if (prompt.length === 0)
    throw new AttuneError({
      code: EMPTY_PROMPT,
      problem: "the prompt is empty: there is nothing to go on from",
    });
  if (prompt.length >= maxPositions) throw promptTooLong(prompt.length, maxPositions);
}

export const promptTooLong = (length: number | string, maxPositions: number) =>
  new AttuneError({
    code: PROMPT_TOO_LONG,
    problem: `the prompt has ${length} tokens; the model was made for ${maxPositions} (max_position_embeddings), the answer included`,
    wayOut: "Shorten the prompt, or leave out earlier turns",
  });
