import type { Dimensions } from "../models/family.ts";
import { randomUniform } from "../random/random.ts";
import { AttuneError } from "../text/errors.ts";
import { chooseToken, type Sampling } from "./sample.ts";
import type { SequenceReader } from "./sequence_reader.ts";

/** Why an answer ended: by a stop token or string, or because it may not be longer. */
export type FinishReason = "stop" | "length";

export interface GenerateOptions {
  /** New tokens at most. */
  maxTokens: number;
  /** Tokens that end the answer, themselves included. */
  stopIds: ReadonlySet<number>;
  sampling: Sampling;
  /** Of the sampled numbers: the same seed, the same answer. */
  seed: number;
  signal?: AbortSignal;
}

/**
 * The tokens that follow `prompt`, one by one as they are computed, a stop token included.
 * @returns why it ended, as the iterator's return value.
 * @throws AttuneError when the prompt is empty or longer than the model was made for; the signal's reason when aborted.
 */
export async function* generate(
  reader: SequenceReader,
  { maxPositions = Number.POSITIVE_INFINITY }: Dimensions,
  prompt: readonly number[],
  { maxTokens, stopIds, sampling, seed, signal }: GenerateOptions,
): AsyncGenerator<number, FinishReason> {
  checkPrompt(prompt, maxPositions);
  const tokens = [...prompt];
  const most = Math.min(maxTokens, maxPositions - prompt.length);
  for (let step = 0; step < most; step++) {
    signal?.throwIfAborted();
    const logits = await reader.next(tokens, signal);
    const id = chooseToken(logits, tokens, sampling, () => randomUniform(seed, "sampling", step, 0));
    yield id;
    if (stopIds.has(id)) return "stop";
    tokens.push(id);
  }
  return "length";
}

/** @throws AttuneError when nothing can follow. */
export function checkPrompt(prompt: readonly number[], maxPositions: number): void {
  if (prompt.length === 0) throw new AttuneError("the prompt is empty: there is nothing to go on from");
  if (prompt.length < maxPositions) return;
  throw new AttuneError(
    `the prompt has ${prompt.length} tokens; the model was made for ${maxPositions} (max_position_embeddings), ` +
      "the answer included. Shorten the prompt, or leave out earlier turns.",
  );
}
