import { createTokenTrie } from "./prefix_tree.ts";

/** Cuts a piece of text into tokens; what no token spells has id -1. `lengths` are UTF-16 units. */
export type UnigramEncoder = (piece: string) => { ids: number[]; lengths: number[] };

const UNKNOWN_PENALTY = 10; // below the rarest token: SentencePiece's kUnkPenalty

/**
 * SentencePiece's unigram model (Kudo 2018, https://arxiv.org/abs/1804.10959) as in tokenizers: of all ways to spell a
 * piece the one with the highest sum of scores, a character that is no token for less than the rarest token.
 * @param vocab token and score (log probability) by id.
 */
export function createUnigramEncoder(vocab: readonly (readonly [string, number])[]): UnigramEncoder {
  const tree = createTokenTrie();
  let lowest = Number.POSITIVE_INFINITY;
  for (let id = vocab.length - 1; id >= 0; id--) {
    const [token, score] = vocab[id]!;
    if (token !== "") tree.add(token, id); // of tokens written alike, the last one is taken
    lowest = Math.min(lowest, score);
  }
  const scoreOf = (id: number) => (id < 0 ? lowest - UNKNOWN_PENALTY : vocab[id]![1]);
  return (piece) => {
    const best = new Float64Array(piece.length + 1);
    const from = new Int32Array(piece.length + 1).fill(-1); // where the last token of the best way to here begins
    const last = new Int32Array(piece.length + 1); // and its id
    const offer = (at: number, length: number, id: number) => {
      const score = best[at]! + scoreOf(id);
      const to = at + length;
      if (from[to]! >= 0 && score <= best[to]!) return;
      [best[to], from[to], last[to]] = [score, at, id];
    };
    for (let at = 0; at < piece.length; ) {
      const width = piece.codePointAt(at)! > 0xffff ? 2 : 1;
      let isToken = false;
      tree.all(piece, at, (length, id) => {
        offer(at, length, id);
        isToken ||= length === width;
      });
      if (!isToken) offer(at, width, -1);
      at += width;
    }
    return readBack(from, last);
  };
}

function readBack(from: Int32Array, last: Int32Array): { ids: number[]; lengths: number[] } {
  const [ids, lengths]: [number[], number[]] = [[], []];
  for (let to = from.length - 1; to > 0; to = from[to]!) {
    ids.push(last[to]!);
    lengths.push(to - from[to]!);
  }
  return { ids: ids.reverse(), lengths: lengths.reverse() };
}
