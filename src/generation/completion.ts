import { streamDecoder } from "../tokenizers/stream_decoder.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import type { FinishReason } from "./generate.ts";
import { stopScanner } from "./stop_strings.ts";

/** An answer. */
export interface Completion {
  /** Without special tokens, and without the stop string that ended it. */
  text: string;
  /** Its tokens, a stop token included. */
  ids: number[];
  promptTokens: number;
  finishReason: FinishReason;
}

export interface TextOptions {
  /** Strings that end the answer. */
  stop?: readonly string[];
  /** Gets the text as it becomes certain, piece by piece. */
  onText?: (piece: string) => void;
}

/** Tokens as text: never half a character, never the beginning of what turns out to be a stop string. */
export async function collectText(
  tokens: AsyncGenerator<number, FinishReason>,
  tokenizer: Tokenizer,
  stopIds: ReadonlySet<number>,
  { stop = [], onText = () => {} }: TextOptions,
): Promise<Pick<Completion, "text" | "ids" | "finishReason">> {
  const decoder = streamDecoder(tokenizer, { skipSpecialTokens: true });
  const scanner = stopScanner(stop.filter((string) => string !== ""));
  const ids: number[] = [];
  let text = "";
  const emit = (piece: string) => {
    text += piece;
    if (piece !== "") onText(piece);
  };
  const scan = (piece: string) => {
    const { text: safe, stopped } = scanner.push(piece);
    emit(safe);
    return stopped;
  };

  let next = await tokens.next();
  for (; !next.done; next = await tokens.next()) {
    ids.push(next.value);
    if (stopIds.has(next.value) || !scan(decoder.push(next.value))) continue;
    await tokens.return("stop");
    return { text, ids, finishReason: "stop" };
  }
  const stopped = scan(decoder.flush());
  emit(scanner.flush());
  return { text, ids, finishReason: stopped ? "stop" : next.value };
}
