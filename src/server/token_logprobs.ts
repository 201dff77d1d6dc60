import type { Tokenizer } from "../tokenizers/tokenizer.ts";

/** A token, and the likeliest at its place, with their log-probabilities. */
export interface ScoredToken {
  id: number;
  logprob: number;
  top: readonly { id: number; logprob: number }[];
}

/** The log-probability of `id` under softmax of `logits` [V], and the `most` likeliest tokens. */
export function scoreToken(id: number, logits: Float32Array, most: number): ScoredToken {
  let highest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) if (logit > highest) highest = logit;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - highest);
  const logTotal = highest + Math.log(sum);
  const top = likeliestIds(logits, most).map((one) => ({ id: one, logprob: logits[one]! - logTotal }));
  return { id, logprob: logits[id]! - logTotal, top };
}

/** The `most` highest, in order; of equal ones the first. */
function likeliestIds(logits: Float32Array, most: number): number[] {
  const best: number[] = [];
  for (let id = 0; id < logits.length && most > 0; id++) {
    if (best.length === most && logits[id]! <= logits[best.at(-1)!]!) continue;
    let at = best.length;
    while (at > 0 && logits[best[at - 1]!]! < logits[id]!) at--;
    best.splice(at, 0, id);
    if (best.length > most) best.pop();
  }
  return best;
}

/** As chat completions have it. */
export const chatLogprobs = (tokenizer: Tokenizer, scored: readonly ScoredToken[]) => ({
  content: scored.map(({ id, logprob, top }) => ({
    ...tokenEntry(tokenizer, id, logprob),
    top_logprobs: top.map((other) => tokenEntry(tokenizer, other.id, other.logprob)),
  })),
  refusal: null,
});

function tokenEntry(tokenizer: Tokenizer, id: number, logprob: number) {
  const bytes = tokenizer.bytesOf(id);
  return { token: new TextDecoder().decode(bytes), logprob, bytes: Array.from(bytes) };
}

/** Log-probabilities of a text's tokens as completions have them; of one that has none before it there are none. */
export interface TextLogprobs {
  tokens: string[];
  token_logprobs: (number | null)[];
  top_logprobs: (Record<string, number> | null)[];
  text_offset: number[];
}

/**
 * Writes those of a text's tokens, piece by piece; `start` is the offset of the first in the text. Like OpenAI's, offsets count what
 * tokens decode to by themselves.
 */
export function textLogprobs(
  tokenizer: Tokenizer,
  start: number,
): (scored: readonly (ScoredToken | { id: number })[]) => TextLogprobs {
  let offset = start;
  return (scored) => ({
    tokens: scored.map(({ id }) => tokenName(tokenizer, id)),
    token_logprobs: scored.map((one) => ("logprob" in one ? one.logprob : null)),
    top_logprobs: scored.map((one) => ("logprob" in one ? topByName(tokenizer, one) : null)),
    text_offset: scored.map(({ id }) => {
      const at = offset;
      offset += new TextDecoder().decode(tokenizer.bytesOf(id)).length;
      return at;
    }),
  });
}

/** The token itself counts among the likeliest, as OpenAI has it; of tokens of one name, the likelier. */
function topByName(tokenizer: Tokenizer, { id, logprob, top }: ScoredToken): Record<string, number> {
  const named = new Map<string, number>();
  for (const one of [...top, { id, logprob }]) {
    const name = tokenName(tokenizer, one.id);
    if (!(named.get(name)! >= one.logprob)) named.set(name, one.logprob);
  }
  return Object.fromEntries(named);
}

/** Its text; of a part of a character its bytes, as OpenAI writes them. */
function tokenName(tokenizer: Tokenizer, id: number): string {
  const bytes = tokenizer.bytesOf(id);
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return `bytes:${Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("")}`;
  }
}
