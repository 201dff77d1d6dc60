import type { DecodeOptions, Tokenizer } from "./tokenizer.ts";

/** Turns tokens into text as they come. */
export interface StreamDecoder {
  /** The text this token completes: never half a character, so it may be empty. */
  push(id: number): string;
  /** What is left of an unfinished character, as U+FFFD. */
  flush(): string;
}

/** All that is pushed, and the flush, add up to `tokenizer.decode` of the whole sequence. */
export function streamDecoder(
  tokenizer: Pick<Tokenizer, "bytesOf" | "isSpecial" | "stripsPrefixSpace">,
  options: DecodeOptions = {},
): StreamDecoder {
  const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  let atStart = tokenizer.stripsPrefixSpace;
  const emit = (text: string) => {
    if (!atStart || text === "") return text;
    atStart = false;
    return text.startsWith(" ") ? text.slice(1) : text;
  };
  return {
    push: (id) =>
      options.skipSpecialTokens && tokenizer.isSpecial(id)
        ? ""
        : emit(utf8.decode(tokenizer.bytesOf(id), { stream: true })),
    flush: () => emit(utf8.decode()),
  };
}
