import { type Merge, splitMerge } from "./bpe.ts";
import { placeBefore } from "./patterns/surrogates.ts";

/** Calls `emit` with the spans of parts that a model with these merges encodes apart as it would together. */
export type PieceCutter = (piece: string, emit: (from: number, to: number) => void) => void;

const CODE_POINTS = 0x110000;

/**
 * A long piece is cut where it doesn't matter: between two characters that no merge joins, no token can lie. Texts
 * without a pre-tokenizer, such as SentencePiece's, so become words again, and their memory stays small.
 */
export function createPieceCutter(merges: readonly Merge[]): PieceCutter {
  let joined: ReadonlySet<number> | undefined;
  return (piece, emit) => {
    joined ??= findJoined(merges);
    let from = 0;
    let last = -1;
    for (let at = 0; at < piece.length; ) {
      const codePoint = piece.codePointAt(at)!;
      if (last >= 0 && !joined.has(last * CODE_POINTS + codePoint)) {
        emit(from, at);
        from = at;
      }
      last = codePoint;
      at += codePoint > 0xffff ? 2 : 1;
    }
    emit(from, piece.length);
  };
}

/** Where two parts of a token meet, one of the merges that made it has put them together. */
function findJoined(merges: readonly Merge[]): ReadonlySet<number> {
  const joined = new Set<number>();
  for (const merge of merges) {
    const [left, right] = splitMerge(merge) as [string, string];
    const last = left.codePointAt(placeBefore(left, left.length))!;
    joined.add(last * CODE_POINTS + right.codePointAt(0)!);
  }
  return joined;
}
