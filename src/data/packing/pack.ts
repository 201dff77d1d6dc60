import { AttuneError } from "../../text/errors.ts";
import type { TokenSequence } from "../tokenize/token_sequence.ts";
import { layOutPack, type Pack } from "./pack_row.ts";
import { commonPrefix, type PrefixTree, prefixTree } from "./prefix_tree.ts";

export type { LabelUses, Pack } from "./pack_row.ts";

export interface PackOptions {
  /** Whether what sequences of a row have in common at the start lies there once. */
  share?: boolean;
  /** Whether every token but a first one is a label, whatever its weight. */
  everyToken?: boolean;
}

/** What a row costs beyond its tokens, in tokens: above all, weights are read and widened for each. */
const ROW_COST = 32;

/**
 * Packs a step's sequences into rows of at most `capacity` tokens, deterministically. A longer sequence gets a row of its
 * own size. Rows aren't padded.
 */
export function makePacks(
  sequences: readonly TokenSequence[],
  capacity: number,
  { share = true, everyToken = false }: PackOptions = {},
): Pack[] {
  if (!Number.isInteger(capacity) || capacity < 1)
    throw new AttuneError({
      code: "data.wrong-capacity",
      place: "packing",
      expected: "a capacity of at least one token",
      got: `${capacity}`,
    });
  const rows = share ? sharedRows(sequences, capacity) : separateRows(sequences, capacity);
  return rows.map((members) => layOutPack(sequences, members, { share, everyToken }));
}

function separateRows(sequences: readonly TokenSequence[], capacity: number): number[][] {
  const some = [...sequences.keys()].filter((i) => sequences[i]!.tokens.length > 0);
  const lengths = some.map((i) => sequences[i]!.tokens.length);
  return bestFit(lengths, capacity).map((row) => row.map((at) => some[at]!));
}

/** Which sequences share a row, in the prefix tree's order. */
function sharedRows(sequences: readonly TokenSequence[], capacity: number): number[][] {
  const tree = prefixTree(sequences);
  const tokensAt = (rank: number) => sequences[tree.order[rank]!]!.tokens;
  const lengths = tree.order.map((_, rank) => tokensAt(rank).length);
  const cost = (rows: readonly number[][]) =>
    rows.reduce((total, row) => total + ROW_COST + treeSize(row.map(tokensAt)), 0);
  // A tree that is cut may fill its rows less well than single sequences do: then those go together, and still share.
  const single = bestFit(lengths, capacity).map((row) => row.sort((a, b) => a - b));
  const branches = packBranches(tree, lengths, capacity);
  const rows = cost(branches) <= cost(single) ? branches : single;
  return rows.map((row) => row.map((rank) => tree.order[rank]!));
}

/** Number of tokens of the tree of these sequences, which are in its order. */
const treeSize = (sequences: readonly Int32Array[]) =>
  sequences.reduce(
    (size, tokens, i) => size + tokens.length - (i === 0 ? 0 : commonPrefix(sequences[i - 1]!, tokens)),
    0,
  );

/** Some branches of a node, to lie in one row. */
interface Part {
  /** Ranks of the sequences in the tree's order. */
  ranks: number[];
  /** Number of tokens, those before the node included. */
  size: number;
}

/**
 * Trees go into rows whole. One that is larger than a row is cut where it branches: its branches, each cut the same way where
 * it must be, are spread over rows by best fit, and the prefix they have in common is repeated in each.
 */
function packBranches({ shared }: PrefixTree, lengths: readonly number[], capacity: number): number[][] {
  const before = [0]; // tokens of the whole tree up to each rank
  for (const [rank, length] of lengths.entries()) before.push(before[rank]! + length - shared[rank]!);

  /** The sequences of ranks from `start` to `end`, which have the first `common` tokens alike. */
  const partsOf = (start: number, end: number): Part[] => {
    const size = lengths[start]! + before[end]! - before[start + 1]!;
    if (size <= capacity || end - start === 1) return [{ ranks: range(start, end), size }];
    let common = lengths[start]!;
    for (let rank = start + 1; rank < end; rank++) common = Math.min(common, shared[rank]!);
    return spread(branchesOf(start, end, common), common);
  };
  const branchesOf = (start: number, end: number, common: number): Part[] => {
    const parts: Part[] = [];
    let from = start;
    for (let rank = start + 1; rank <= end; rank++)
      if (rank === end || shared[rank] === common) {
        parts.push(...partsOf(from, rank));
        from = rank;
      }
    return parts;
  };
  const spread = (parts: readonly Part[], common: number): Part[] => {
    const sizes = parts.map(({ size }) => size - common);
    return bestFit(sizes, Math.max(0, capacity - common)).map((row) => ({
      ranks: row.flatMap((at) => parts[at]!.ranks).sort((a, b) => a - b),
      size: common + row.reduce((sum, at) => sum + sizes[at]!, 0),
    }));
  };
  return spread(branchesOf(0, lengths.length, 0), 0).map(({ ranks }) => ranks);
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);

const range = (start: number, end: number) => Array.from({ length: end - start }, (_, i) => start + i);

/**
 * Best-fit decreasing (Johnson 1973): each, largest first, goes to the row where it leaves the least room. What is larger
 * than `limit` gets a row of its own.
 */
function bestFit(sizes: readonly number[], limit: number): number[][] {
  const capacity = Math.min(limit, sum(sizes));
  const rows: number[][] = [];
  const byRoom = new Map<number, number[]>(); // rows that have just so many tokens left
  const largestFirst = [...sizes.keys()].sort((a, b) => sizes[b]! - sizes[a]! || a - b);
  for (const index of largestFirst) {
    const size = sizes[index]!;
    let room = size;
    while (room <= capacity && !byRoom.get(room)?.length) room++;
    const row = byRoom.get(room)?.pop() ?? rows.push([]) - 1;
    rows[row]!.push(index);
    const left = Math.max(0, Math.min(room, capacity) - size);
    if (!byRoom.has(left)) byRoom.set(left, []);
    byRoom.get(left)!.push(row);
  }
  return rows;
}
