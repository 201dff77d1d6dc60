import { stopScanner } from "../generation/stop_strings.ts";
import { cutAtStop } from "../generation/stop_watch.ts";
import type { ToolCall } from "../templates/message.ts";
import { type CallWriting, readWrittenCalls } from "../templates/written_calls.ts";
import { streamDecoder } from "../tokenizers/stream_decoder.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";

/** Reads an answer that may call tools, token by token. */
export interface AnswerReader {
  /** The text that is certain to be no part of a call. */
  push(id: number): string;
  /** The whole answer, and the text that was held back. */
  finish(): { content: string; calls: ToolCall[]; rest: string };
}

/** Special tokens are no text, except those that calls are written with. */
export function answerReader(
  tokenizer: Tokenizer,
  writing: CallWriting,
  stops: readonly string[],
): AnswerReader {
  const decoder = streamDecoder(tokenizer);
  const ends = [...stops, ...(writing.begin === "" ? [] : [writing.begin])];
  let [text, sent] = ["", 0];
  const isShown = (id: number) =>
    !tokenizer.isSpecial(id) || writing.begin.includes(tokenizer.tokenOf(id) ?? " ");
  const certain = () =>
    writing.begin === "" && /^\s*(\{|$)/.test(text) ? "" : stopScanner(ends).push(text).text;
  return {
    push(id) {
      if (!isShown(id)) return "";
      text += decoder.push(id);
      const piece = certain().slice(sent);
      sent += piece.length;
      return piece;
    },
    finish() {
      text += decoder.flush();
      const read = readWrittenCalls(cutAtStop(text, stops), writing);
      return { ...read, rest: read.content.slice(sent) };
    },
  };
}
