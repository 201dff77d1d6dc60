import { createTokenTrie, type TokenTrie } from "./prefix_tree.ts";

/** Pieces of a unigram model, with their scores: log probabilities. */
export interface ScoredPieces {
  pieces: readonly string[];
  scores: Float64Array;
}

/** All ways to spell words by the pieces of a unigram model. */
export interface UnigramLattice {
  /**
   * Adds to `expected`, by piece, how often each is expected in the word, `count` times.
   * @returns the word's log probability
   */
  expect(word: string, count: number, expected: Float64Array): number;
  /** The likeliest spelling, as places of pieces; -1 for a character that is none. Without piece `except`. */
  best(word: string, except?: number): number[];
}

const UNKNOWN_PENALTY = 10; // below the rarest piece: SentencePiece's kUnkPenalty

export function createLattice({ pieces, scores }: ScoredPieces): UnigramLattice {
  const tree = treeOf(pieces);
  const unknown = scores.reduce((least, score) => Math.min(least, score), 0) - UNKNOWN_PENALTY;
  return {
    expect(word, count, expected) {
      const arcs = arcsOf(tree, word, scores, unknown);
      const { forward, backward } = sums(word, arcs);
      const total = forward[word.length]!;
      for (const [from, to, id, score] of arcs)
        if (id >= 0) expected[id]! += count * Math.exp(forward[from]! + score + backward[to]! - total);
      return total;
    },
    best: (word, except) => likeliest(word, arcsOf(tree, word, scores, unknown, except)),
  };
}

function treeOf(pieces: readonly string[]): TokenTrie {
  const tree = createTokenTrie();
  for (const [id, piece] of pieces.entries()) tree.add(piece, id);
  return tree;
}

type Arc = readonly [from: number, to: number, id: number, score: number];

/** By their beginnings, in order. */
function arcsOf(tree: TokenTrie, word: string, scores: Float64Array, unknown: number, except = -1): Arc[] {
  const arcs: Arc[] = [];
  for (let at = 0; at < word.length; ) {
    const width = word.codePointAt(at)! > 0xffff ? 2 : 1;
    let isPiece = false;
    tree.all(word, at, (length, id) => {
      if (id === except) return;
      arcs.push([at, at + length, id, scores[id]!]);
      isPiece ||= length === width;
    });
    if (!isPiece) arcs.push([at, at + width, -1, unknown]);
    at += width;
  }
  return arcs;
}

/** Log of the summed probability of all ways from the start to a place, and from there to the end. */
function sums({ length }: string, arcs: readonly Arc[]) {
  const forward = new Float64Array(length + 1).fill(Number.NEGATIVE_INFINITY);
  const backward = forward.slice();
  forward[0] = 0;
  backward[length] = 0;
  for (const [from, to, , score] of arcs) forward[to] = addLogs(forward[to]!, forward[from]! + score);
  for (let i = arcs.length - 1; i >= 0; i--) {
    const [from, to, , score] = arcs[i]!;
    backward[from] = addLogs(backward[from]!, backward[to]! + score);
  }
  return { forward, backward };
}

function addLogs(a: number, b: number): number {
  const [low, high] = a < b ? [a, b] : [b, a];
  return low === Number.NEGATIVE_INFINITY ? high : high + Math.log1p(Math.exp(low - high));
}

function likeliest({ length }: string, arcs: readonly Arc[]): number[] {
  const score = new Float64Array(length + 1).fill(Number.NEGATIVE_INFINITY);
  const last: (Arc | undefined)[] = new Array(length + 1);
  score[0] = 0;
  for (const arc of arcs) {
    const [from, to, , own] = arc;
    if (score[from]! + own <= score[to]!) continue;
    score[to] = score[from]! + own;
    last[to] = arc;
  }
  const ids: number[] = [];
  for (let at = length; at > 0; at = last[at]![0]) ids.push(last[at]![2]);
  return ids.reverse();
}
