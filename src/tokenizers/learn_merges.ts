import { MergeQueue } from "./merge_queue.ts";

/** A word as token ids, and how often the text has it. */
export interface CountedWord {
  ids: number[];
  count: number;
}

/** A merge to be learned from the words: `left` then `right` become one token. */
export interface LearnedMerge {
  left: number;
  right: number;
}

const PAIR_BASE = 2 ** 24; // ids stay below it, so a pair is one exact number
const MIN_COUNT = 2; // a pair seen once is no regularity

/**
 * Byte-pair encoding (Sennrich et al. 2016, https://arxiv.org/abs/1508.07909): again and again the most frequent
 * pair becomes a token, among equals the one with the lower ids (as Hugging Face tokenizers' BpeTrainer has it).
 * `accept` gets each merge in order and returns the id of the token it makes; "skip" leaves the pair apart, "stop" ends.
 * The words' `ids` are merged in place.
 */
export function learnMerges(
  words: CountedWord[],
  accept: (merge: LearnedMerge) => number | "skip" | "stop",
): void {
  const pairs = countPairs(words);
  const queue = new MergeQueue();
  const enqueue = (key: number) => queue.push({ ...unpack(key), count: pairs.counts.get(key)! });
  for (const key of pairs.counts.keys()) enqueue(key);

  for (let top = queue.pop(); top; top = queue.pop()) {
    const key = pack(top.left, top.right);
    const count = pairs.counts.get(key) ?? 0;
    if (count < MIN_COUNT) continue;
    if (count !== top.count) {
      queue.push({ ...top, count });
      continue;
    }
    const merged = accept(top);
    if (merged === "stop") return;
    if (merged === "skip") continue;
    for (const grown of mergeEverywhere(words, pairs, key, merged)) enqueue(grown);
  }
}

/** By pair: how often it occurs, and the words that may hold it. */
interface Pairs {
  counts: Map<number, number>;
  words: Map<number, Set<number>>;
}

function countPairs(words: CountedWord[]): Pairs {
  const pairs: Pairs = { counts: new Map(), words: new Map() };
  words.forEach(({ ids, count }, word) => {
    for (let i = 1; i < ids.length; i++) change(pairs, pack(ids[i - 1]!, ids[i]!), count, word);
  });
  return pairs;
}

function change(pairs: Pairs, key: number, by: number, word: number): void {
  pairs.counts.set(key, (pairs.counts.get(key) ?? 0) + by);
  if (by < 0) return;
  const holders = pairs.words.get(key);
  if (holders) holders.add(word);
  else pairs.words.set(key, new Set([word]));
}

/** Returns the pairs that became more frequent. */
function mergeEverywhere(words: CountedWord[], pairs: Pairs, key: number, merged: number): Set<number> {
  const grown = new Set<number>();
  const holders = pairs.words.get(key)!;
  pairs.words.delete(key);
  for (const word of holders) mergeWord(words[word]!, word, pairs, key, merged, grown);
  pairs.counts.delete(key);
  grown.delete(key);
  return grown;
}

function mergeWord(
  { ids, count }: CountedWord,
  word: number,
  pairs: Pairs,
  key: number,
  merged: number,
  grown: Set<number>,
): void {
  const { left, right } = unpack(key);
  const add = (pair: number) => {
    change(pairs, pair, count, word);
    grown.add(pair);
  };
  let kept = 0;
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] !== left || ids[i + 1] !== right) {
      ids[kept++] = ids[i]!;
      continue;
    }
    if (kept > 0) {
      change(pairs, pack(ids[kept - 1]!, left), -count, word);
      add(pack(ids[kept - 1]!, merged));
    }
    if (i + 2 < ids.length) {
      change(pairs, pack(right, ids[i + 2]!), -count, word);
      add(pack(merged, ids[i + 2]!));
    }
    ids[kept++] = merged;
    i++;
  }
  ids.length = kept;
}

function pack(left: number, right: number): number {
  return left * PAIR_BASE + right;
}

function unpack(key: number): LearnedMerge {
  const right = key % PAIR_BASE;
  return { left: (key - right) / PAIR_BASE, right };
}
