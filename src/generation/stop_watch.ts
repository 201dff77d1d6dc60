import { streamDecoder } from "../tokenizers/stream_decoder.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { stopScanner } from "./stop_strings.ts";

/** Makes watches, one for each answer: each says of a token whether a stop string is there with it. */
export function stopWatches(tokenizer: Tokenizer, stops: readonly string[]): () => (id: number) => boolean {
  if (stops.length === 0) return () => () => false;
  return () => {
    const decoder = streamDecoder(tokenizer, { skipSpecialTokens: true });
    const scanner = stopScanner(stops);
    return (id) => scanner.push(decoder.push(id)).stopped;
  };
}

/** Stop strings that are special tokens are met as such: an answer's text leaves them out. */
export function splitStops(
  stops: readonly string[],
  tokenizer: Tokenizer,
): { strings: string[]; ids: number[] } {
  const strings: string[] = [];
  const ids: number[] = [];
  for (const stop of stops) {
    const id = tokenizer.idOf(stop);
    if (id !== undefined && tokenizer.isSpecial(id)) ids.push(id);
    else if (stop !== "") strings.push(stop);
  }
  return { strings, ids };
}

/** `text` up to the first stop string in it. */
export const cutAtStop = (text: string, stops: readonly string[]): string =>
  stopScanner(stops).push(text).text;
