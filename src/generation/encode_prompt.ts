import type { EncodeOptions, Tokenizer } from "../tokenizers/tokenizer.ts";
import { promptTooLong } from "./generate.ts";

/** The tokens of a prompt, sooner or later. */
export type EncodePrompt = (
  text: string,
  options: EncodeOptions,
  maxPositions?: number,
) => number[] | Promise<number[]>;

/** Tokens that are counted of a prompt that is too long, as a multiple of what the model was made for. */
const COUNTED = 2;

/**
 * The tokens of a prompt. One that can't fit is read no further than it takes to say so: a text of megabytes would keep
 * others waiting for seconds.
 * @throws AttuneError when it is longer than the model was made for.
 */
export function encodePrompt(
  tokenizer: Tokenizer,
  text: string,
  options: EncodeOptions,
  maxPositions = Number.POSITIVE_INFINITY,
): number[] {
  const ids: number[] = [];
  const most = COUNTED * maxPositions;
  const refuse = () => promptTooLong(`more than ${most}`, maxPositions);
  if (text.length > most && tokenizer.leastTokens(text) > most) throw refuse();
  const add = (id: number) => {
    ids.push(id);
    if (ids.length > most) throw refuse();
  };
  tokenizer.eachToken(text, add, options);
  return ids;
}
