import { createLattice, type ScoredPieces } from "./unigram_lattice.ts";

/** Words of a text, and how often it has each. */
export type WordCounts = ReadonlyMap<string, number>;

const MOST_SEEDS = 300_000;
const SEEDS_A_PIECE = 20;
const LONGEST = 16; // characters of a piece
const ROUNDS = 2; // of expectation and maximization between two prunings
const KEPT = 0.75; // of the pieces, in a pruning
const ENOUGH = 1.1; // times the wanted size: what is pruned in the end
const LEAST = 0.5; // expected occurrences of a piece that stays

/**
 * The unigram model's pieces (Kudo 2018, https://arxiv.org/abs/1804.10959), as SentencePiece's trainer finds them: frequent
 * pieces of the words; then, in turns, their probabilities by expectation and maximization, and without those that are
 * missed least.
 * @param characters stay, whatever they are worth
 * @param size how many pieces there may be
 * @returns the likeliest first
 */
export function learnUnigram(words: WordCounts, characters: readonly string[], size: number): ScoredPieces {
  let model = seeds(words, characters, Math.min(MOST_SEEDS, Math.max(SEEDS_A_PIECE * size, 50_000)));
  const kept = new Set(characters);
  const enough = Math.max(Math.ceil(ENOUGH * size), kept.size);
  for (;;) {
    for (let round = 0; round < ROUNDS; round++) model = maximized(model, words, kept);
    const { length } = model.pieces;
    if (length <= enough) break;
    model = pruned(model, words, kept, Math.max(enough, Math.floor(KEPT * length)));
  }
  return largest(model, kept, size);
}

/** Characters, and what occurs more than once, by how much text it covers. */
function seeds(words: WordCounts, characters: readonly string[], most: number): ScoredPieces {
  const counts = countPieces(words);
  const single = new Set(characters);
  const covered = ([piece, count]: readonly [string, number]) => count * [...piece].length;
  const longer = [...counts].filter(
    ([piece, count]) => count > 1 && !single.has(piece) && [...piece].length > 1,
  );
  longer.sort((a, b) => covered(b) - covered(a) || (a[0] < b[0] ? -1 : 1));
  const chosen = [
    ...characters.map((piece) => [piece, counts.get(piece) ?? 1] as const),
    ...longer.slice(0, Math.max(0, most - characters.length)),
  ];
  const total = Math.log(chosen.reduce((sum, [piece, count]) => sum + covered([piece, count]), 0));
  return {
    pieces: chosen.map(([piece]) => piece),
    scores: Float64Array.from(chosen, (entry) => Math.log(covered(entry)) - total),
  };
}

/** How often each piece of at most LONGEST characters occurs. One that is longer is looked at where its beginning occurs twice. */
function countPieces(words: WordCounts): Map<string, number> {
  const all = new Map<string, number>();
  const cut = Array.from(words, ([word, count]) => ({ characters: [...word], count }));
  for (let length = 1; length <= LONGEST; length++) {
    const counts = new Map<string, number>();
    for (const { characters, count } of cut)
      for (let at = 0; at + length <= characters.length; at++) {
        const piece = characters.slice(at, at + length).join("");
        const isOften = length < 3 || (all.get(characters.slice(at, at + length - 1).join("")) ?? 0) > 1;
        if (isOften) counts.set(piece, (counts.get(piece) ?? 0) + count);
      }
    for (const [piece, count] of counts) if (length === 1 || count > 1) all.set(piece, count);
    if (counts.size === 0) break;
  }
  return all;
}

/** Expectation, then maximization: the scores by which the pieces are expected as often as they say. */
function maximized(model: ScoredPieces, words: WordCounts, kept: ReadonlySet<string>): ScoredPieces {
  const expected = new Float64Array(model.pieces.length);
  const lattice = createLattice(model);
  for (const [word, count] of words) lattice.expect(word, count, expected);
  const places = [...model.pieces.keys()].filter((i) => expected[i]! >= LEAST || kept.has(model.pieces[i]!));
  const counts = places.map((i) => Math.max(expected[i]!, LEAST));
  const total = digamma(counts.reduce((sum, count) => sum + count, 0));
  return {
    pieces: places.map((i) => model.pieces[i]!),
    scores: Float64Array.from(counts, (count) => digamma(count) - total), // a Bayesian prior for few pieces
  };
}

/** The `most` pieces without which the text would lose most. */
function pruned(
  model: ScoredPieces,
  words: WordCounts,
  kept: ReadonlySet<string>,
  most: number,
): ScoredPieces {
  const lattice = createLattice(model);
  const counts = new Float64Array(model.pieces.length);
  for (const [word, count] of words) for (const id of lattice.best(word)) if (id >= 0) counts[id]! += count;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const losses = model.pieces.map((piece, id) => lossWithout(id, lattice.best(piece, id), counts, total));
  const places = [...model.pieces.keys()].filter((id) => kept.has(model.pieces[id]!));
  const others = [...model.pieces.keys()].filter((id) => !kept.has(model.pieces[id]!));
  others.sort((a, b) => losses[b]! - losses[a]! || a - b);
  return chosen(
    model,
    [...places, ...others.slice(0, Math.max(0, most - places.length))].sort((a, b) => a - b),
  );
}

/** How much less likely the text is when a piece is spelled by the others. */
function lossWithout(id: number, others: readonly number[], counts: Float64Array, total: number): number {
  const own = counts[id]!;
  if (own === 0) return 0;
  if (others.includes(-1)) return Number.POSITIVE_INFINITY;
  const before = Math.log(own / total);
  const grown = Math.log(total + own * (others.length - 1));
  const after = others.reduce((sum, other) => sum + Math.log(counts[other]! + own) - grown, 0);
  return (own / total) * (before - after);
}

/** Characters and the likeliest pieces, the likeliest first. */
function largest(model: ScoredPieces, kept: ReadonlySet<string>, size: number): ScoredPieces {
  const places = [...model.pieces.keys()].sort((a, b) => model.scores[b]! - model.scores[a]! || a - b);
  const others = places.filter((id) => !kept.has(model.pieces[id]!)).slice(0, Math.max(0, size - kept.size));
  const wanted = new Set(others);
  return chosen(
    model,
    places.filter((id) => wanted.has(id) || kept.has(model.pieces[id]!)),
  );
}

const chosen = ({ pieces, scores }: ScoredPieces, places: readonly number[]): ScoredPieces => ({
  pieces: places.map((id) => pieces[id]!),
  scores: Float64Array.from(places, (id) => scores[id]!),
});

/** The logarithmic derivative of the gamma function, by its recurrence and asymptotic series. */
function digamma(x: number): number {
  let shift = 0;
  let at = x;
  for (; at < 7; at++) shift -= 1 / at;
  const square = 1 / (at * at);
  return (
    shift +
    Math.log(at) -
    0.5 / at -
    square * (1 / 12 - square * (1 / 120 - square * (1 / 252 - square / 240)))
  );
}
