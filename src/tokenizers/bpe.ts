import { AttuneError } from "../text/errors.ts";

/** Cuts a piece of text into tokens of the vocabulary; a character that has none is left as it is, with id -1. */
export type BytePairEncoder = (piece: string) => { ids: number[]; lengths: number[] };

/** An entry of `merges`: two tokens that become one. */
export type Merge = string | readonly [string, string];

export interface BytePairModel {
  ids: ReadonlyMap<string, number>;
  merges: readonly Merge[];
}

/**
 * Byte-pair encoding (Sennrich et al. 2016, https://arxiv.org/abs/1508.07909) as in tokenizers: of all pairs of
 * neighbours that have a merge, the one learned first is joined, among equals the leftmost, until none is left.
 * @throws AttuneError when a merge isn't one, or is of tokens that aren't in the vocabulary.
 */
export function createBytePairEncoder({ ids, merges }: BytePairModel): BytePairEncoder {
  const { rankOf, merged } = readMerges(ids, merges);
  return (piece) => {
    const chars = Array.from(piece);
    const symbols = chars.map((char) => ids.get(char) ?? -1);
    const lengths = chars.map((char) => char.length);
    if (chars.length <= SHORT) return mergeShort(symbols, lengths, rankOf, merged);
    mergePairs(symbols, lengths, rankOf, merged);
    return {
      ids: symbols.filter((_, i) => lengths[i]! > 0),
      lengths: lengths.filter((length) => length > 0),
    };
  };
}

/** Rank of the merge of two tokens, undefined where there is none. */
type RankOf = (left: number, right: number) => number | undefined;

function readMerges(ids: ReadonlyMap<string, number>, merges: BytePairModel["merges"]) {
  const ranks = new Map<number, number>();
  const merged = new Int32Array(merges.length);
  const range = rangeOf(ids);
  const idOf = (token: string, rank: number) => {
    const id = ids.get(token);
    if (id === undefined) throw badMerge(rank, `the token ${JSON.stringify(token)} isn't in model.vocab`);
    return id;
  };
  merges.forEach((merge, rank) => {
    const [left, right, ...rest] = splitMerge(merge);
    if (!left || !right || rest.length > 0)
      throw badMerge(rank, `expected two tokens, got ${JSON.stringify(merge)}`);
    ranks.set(idOf(left, rank) * range + idOf(right, rank), rank);
    merged[rank] = idOf(left + right, rank);
  });
  const rankOf: RankOf = (left, right) =>
    left < 0 || right < 0 ? undefined : ranks.get(left * range + right);
  return { rankOf, merged };
}

export const splitMerge = (merge: Merge): readonly string[] =>
  typeof merge === "string" ? merge.split(" ") : merge;

/** One more than the largest id. */
function rangeOf(ids: ReadonlyMap<string, number>): number {
  let range = 1;
  for (const id of ids.values()) if (id >= range) range = id + 1;
  if (range <= MAX_RANGE) return range;
  throw new AttuneError({
    code: "tokenizers.large-id",
    place: "tokenizer.json: model.vocab",
    expected: `ids below ${MAX_RANGE}`,
    got: String(range - 1),
  });
}

function badMerge(rank: number, problem: string): AttuneError {
  return new AttuneError({
    code: "tokenizers.unreadable-merge",
    place: `tokenizer.json: model.merges[${rank}]`,
    problem,
  });
}

const MAX_RANGE = 2 ** 26; // the square of it is exact

const SHORT = 40; // characters: up to here, looking through all pairs is faster than a queue of them

function mergeShort(ids: number[], lengths: number[], rankOf: RankOf, merged: Int32Array) {
  const rankAt = (i: number) => (i + 1 < ids.length ? rankOf(ids[i]!, ids[i + 1]!) : undefined) ?? NONE;
  const ranks = ids.map((_, i) => rankAt(i)); // of the pair that begins here
  for (;;) {
    let first = 0;
    for (let i = 1; i < ranks.length; i++) if (ranks[i]! < ranks[first]!) first = i;
    if (ids.length === 0 || ranks[first] === NONE) return { ids, lengths };
    ids[first] = merged[ranks[first]!]!;
    lengths[first]! += lengths[first + 1]!;
    for (const column of [ids, lengths, ranks]) column.splice(first + 1, 1);
    ranks[first] = rankAt(first);
    if (first > 0) ranks[first - 1] = rankAt(first - 1);
  }
}

const NONE = Number.MAX_SAFE_INTEGER;

/** Joins neighbours in place: the left one becomes the merged token, the right one is left with length 0. */
function mergePairs(symbols: number[], lengths: number[], rankOf: RankOf, merged: Int32Array): void {
  const size = symbols.length;
  const next = symbols.map((_, i) => i + 1);
  const previous = symbols.map((_, i) => i - 1);
  const ranks = new Array<number>(size).fill(-1); // of the pair that begins here
  const queue: number[] = []; // rank * size + place: the pair to join next is the smallest
  const look = (i: number) => {
    const rank = next[i]! < size ? rankOf(symbols[i]!, symbols[next[i]!]!) : undefined;
    ranks[i] = rank ?? -1;
    if (rank !== undefined) push(queue, rank * size + i);
  };
  for (let i = 0; i < size; i++) look(i);
  while (queue.length > 0) {
    const smallest = pop(queue);
    const left = smallest % size;
    const rank = (smallest - left) / size;
    if (ranks[left] !== rank) continue; // one of the two has gone into another pair meanwhile
    const right = next[left]!;
    symbols[left] = merged[rank]!;
    lengths[left]! += lengths[right]!;
    lengths[right] = 0;
    ranks[right] = -1;
    next[left] = next[right]!;
    if (next[left]! < size) previous[next[left]!] = left;
    look(left);
    if (previous[left]! >= 0) look(previous[left]!);
  }
}

/** Binary heap, smallest first. */
function push(heap: number[], value: number): void {
  let at = heap.push(value) - 1;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (heap[parent]! <= value) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = value;
}

function pop(heap: number[]): number {
  const top = heap[0]!;
  const value = heap.pop()!;
  if (heap.length === 0) return top;
  let at = 0;
  for (let child = 1; child < heap.length; child = 2 * at + 1) {
    if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
    if (heap[child]! >= value) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = value;
  return top;
}
