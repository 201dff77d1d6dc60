import type { Encoding, Tokenizer } from "../../tokenizers/tokenizer.ts";
import type { Origin } from "../example.ts";
import { pieceEncoder } from "./encode_pieces.ts";
import { encodeText, withEos } from "./encode_text.ts";
import type { TokenSequence } from "./token_sequence.ts";

/** A document that comes in pieces. */
export interface OpenDocument {
  /** The sequences that are whole by now. */
  add(piece: string): TokenSequence[];
  /** The others; and why there are none at all. */
  end(): { sequences: TokenSequence[]; dropped?: string };
}

interface DocumentOptions {
  tokenizer: Tokenizer;
  maxLength: number;
}

/**
 * A text and eos, of which every token but the first is a label. Longer than `maxLength`, it is cut into parts that overlap by
 * one token, so that nothing is lost and no token is a label twice. The tokens are those of the whole text, however it is
 * cut into pieces.
 */
export function openDocument(origin: Origin, { tokenizer, maxLength }: DocumentOptions): OpenDocument {
  const eos = withEos("", tokenizer);
  const encode = (text: string, isFirst: boolean): Encoding =>
    encodeText(text, tokenizer, { addBos: isFirst });
  const encoder = pieceEncoder(encode);
  const parts = openParts(maxLength, origin);
  let ending = ""; // the text's last characters
  let [isBlank, isAny] = [true, false];
  const cut = (ids: Iterable<number[]>) => {
    const sequences: TokenSequence[] = [];
    for (const some of ids) for (const part of parts.add(some)) sequences.push(part);
    isAny ||= sequences.length > 0;
    return sequences;
  };
  return {
    add(piece) {
      isBlank &&= piece.trim() === "";
      ending = (ending + piece.slice(-eos.length)).slice(-eos.length);
      return cut(encoder.add(piece));
    },
    end() {
      if (isBlank) return { sequences: [], dropped: "the text is empty" };
      const sequences = [
        ...(ending === eos ? [] : cut(encoder.add(eos))),
        ...cut(encoder.end()),
        ...parts.end(),
      ];
      if (sequences.length > 0 || isAny) return { sequences };
      return { sequences, dropped: "the text is a single token, which nothing predicts" };
    },
  };
}

/** Parts of `maxLength` tokens, each of which begins with the last token of the one before. */
function openParts(maxLength: number, origin: Origin) {
  let ids: number[] = [];
  return {
    add(more: readonly number[]): TokenSequence[] {
      const sequences: TokenSequence[] = [];
      let at = 0;
      while (ids.length + more.length - at >= maxLength) {
        const needed = maxLength - ids.length;
        sequences.push(partOf([...ids, ...more.slice(at, at + needed)], origin));
        at += needed;
        ids = [more[at - 1]!];
      }
      for (; at < more.length; at++) ids.push(more[at]!);
      return sequences;
    },
    /** What is left; nothing where that is the last token of the part before. */
    end: (): TokenSequence[] => (ids.length > 1 ? [partOf(ids, origin)] : []),
  };
}

function partOf(ids: readonly number[], origin: Origin): TokenSequence {
  const labelWeights = new Float32Array(ids.length).fill(1);
  labelWeights[0] = 0; // nothing predicts it here; it was a label of the part before
  return { tokens: Int32Array.from(ids), labelWeights, origin };
}
