import { prefixTree } from "../data/packing/prefix_tree.ts";
import { countLabels, type TokenSequence } from "../data/tokenize/token_sequence.ts";

export interface ShareOptions {
  /** How many shares. */
  size: number;
  /** Sequences of an example, which follow each other and stay together. */
  branches: number;
  /** Whether what sequences begin with alike is computed once. */
  share: boolean;
  /** Tokens that a label costs at the output layer, beyond its own. */
  labelCost: number;
}

/**
 * Shares of a batch that cost about the same, as places of sequences in order: whole examples. The longest goes to the share
 * that is then the cheapest, then the next one (Graham 1969), and the most expensive share gives or swaps an example
 * as long as that helps.
 */
export function sharesOf(sequences: readonly TokenSequence[], options: ShareOptions): number[][] {
  const { size, branches } = options;
  if (size === 1) return [[...sequences.keys()]];
  const costOf = costs(sequences, options);
  const examples = Array.from({ length: sequences.length / branches }, (_, i) => i);
  const alone = examples.map((i) => costOf([i]));
  const shares: Share[] = Array.from({ length: size }, () => ({ examples: [], cost: 0 }));
  const isLarge = examples.length > LARGE;
  for (const i of examples.toSorted((a, b) => alone[b]! - alone[a]! || a - b)) {
    const grown = shares.map(({ examples, cost }) => (isLarge ? cost + alone[i]! : costOf([...examples, i])));
    const least = grown.indexOf(Math.min(...grown));
    shares[least]!.examples.push(i);
    shares[least]!.cost = grown[least]!;
  }
  while (!isLarge && improve(shares, costOf));
  const placesOf = (i: number) => Array.from({ length: branches }, (_, b) => i * branches + b);
  return shares.map((share) => share.examples.toSorted((a, b) => a - b).flatMap(placesOf));
}

interface Share {
  examples: number[];
  cost: number;
}
type CostOf = (examples: readonly number[]) => number;

const withExamples = (examples: number[], costOf: CostOf): Share => ({ examples, cost: costOf(examples) });

const CLOSE = 1.005; // of the mean: what is left to gain is less than steps differ by
const LARGE = 256; // examples: so many are even without, and what is evaluated may be all the data
const MOST_SWAPPED = 64; // examples of two shares

/** Takes the change of the most expensive share and another one that leaves both below it by the most. */
function improve(shares: Share[], costOf: CostOf): boolean {
  const mean = shares.reduce((sum, { cost }) => sum + cost, 0) / shares.length;
  const from = shares.reduce((most, { cost }, i) => (cost > shares[most]!.cost ? i : most), 0);
  const heavy = shares[from]!;
  if (heavy.cost <= CLOSE * mean) return false;
  let best: { to: number; pair: [Share, Share]; cost: number } | undefined;
  for (const [to, other] of shares.entries()) {
    if (to === from || heavy.examples.length + other.examples.length > MOST_SWAPPED) continue;
    for (const pair of changes(heavy, other, costOf)) {
      const cost = Math.max(pair[0].cost, pair[1].cost);
      if (cost < (best?.cost ?? heavy.cost * (1 - 1e-9))) best = { to, pair, cost };
    }
  }
  if (!best) return false;
  [shares[from], shares[best.to]] = best.pair;
  return true;
}

/** What two shares would be if the first gave an example, or swapped one. */
function* changes(heavy: Share, other: Share, costOf: CostOf): Generator<[Share, Share]> {
  for (const given of heavy.examples) {
    const rest = heavy.examples.filter((i) => i !== given);
    for (const taken of [undefined, ...other.examples]) {
      const kept = taken === undefined ? other.examples : other.examples.filter((i) => i !== taken);
      const back = taken === undefined ? rest : [...rest, taken];
      yield [withExamples(back, costOf), withExamples([...kept, given], costOf)];
    }
  }
}

/**
 * What a share costs: the tokens of its prefix tree, and its labels, which alone reach the output layer. Rows are filled, and
 * attention looks at all pairs of a row, so that its part, too, follows from their number, whatever the examples' lengths.
 */
function costs(sequences: readonly TokenSequence[], { branches, share, labelCost }: ShareOptions): CostOf {
  const own = sequences.map((sequence) => sequence.tokens.length + labelCost * countLabels(sequence));
  const { order, shared } = prefixTree(sequences);
  const rankOf = new Map(order.map((place, rank) => [place, rank]));
  const common = (rank: number, next: number) => {
    let least = Number.POSITIVE_INFINITY;
    for (let r = rank + 1; r <= next; r++) least = Math.min(least, shared[r]!);
    return least;
  };
  return (examples) => {
    const places = examples.flatMap((i) => Array.from({ length: branches }, (_, b) => i * branches + b));
    const ranks = places.flatMap((place) => rankOf.get(place) ?? []).sort((a, b) => a - b);
    return ranks.reduce((sum, rank, at) => {
      const known = share && at > 0 ? common(ranks[at - 1]!, rank) : 0;
      return sum + own[order[rank]!]! - known;
    }, 0);
  };
}
