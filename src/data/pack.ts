import { AttuneError } from "../errors.ts";
import type { TokenSequence } from "./token_sequence.ts";

/**
 * One row of T tokens the model computes at once, with S labels. Token i sees token j iff j <= i < ends[j], so
 * sequences that share a row don't see each other.
 */
export interface Row {
  /** Token ids, [T]. */
  tokens: Int32Array;
  /** Position of each token in its own sequence, [T]. */
  positions: Int32Array;
  /** Row index after the last token that sees this one, [T]. */
  ends: Int32Array;
  /** Index, within the step, of the example each token belongs to, [T]. */
  examples: Int32Array;
  /** Row index of the token whose output predicts the label, [S]. */
  sources: Int32Array;
  /** Token id that is predicted, [S]. */
  targets: Int32Array;
  /** Label weight, [S]. */
  weights: Float32Array;
}

/**
 * Packs a step's sequences into rows of at most `capacity` tokens: best-fit decreasing (Johnson 1973), which is
 * deterministic. A longer sequence gets a row of its own size. Rows aren't padded.
 */
export function packRows(sequences: readonly TokenSequence[], capacity: number): Row[] {
  if (!Number.isInteger(capacity) || capacity < 1)
    throw new AttuneError(`packing: expected a capacity of at least one token, got ${capacity}`);
  const lengths = sequences.map(({ tokens }) => tokens.length);
  return bestFit(lengths, capacity).map((members) => layOut(sequences, members));
}

/** Which sequences share a row: each, longest first, goes where it leaves the least room. */
function bestFit(lengths: number[], capacity: number): number[][] {
  const rows: number[][] = [];
  const byRoom = new Map<number, number[]>(); // rows that have just so many tokens left
  const longestFirst = [...lengths.keys()].sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  for (const index of longestFirst) {
    const length = lengths[index]!;
    if (length === 0) continue;
    let room = length;
    while (room <= capacity && !byRoom.get(room)?.length) room++;
    const row = byRoom.get(room)?.pop() ?? rows.push([]) - 1;
    rows[row]!.push(index);
    const left = Math.max(0, Math.min(room, capacity) - length);
    if (!byRoom.has(left)) byRoom.set(left, []);
    byRoom.get(left)!.push(row);
  }
  return rows;
}

function layOut(sequences: readonly TokenSequence[], members: number[]): Row {
  const T = members.reduce((total, member) => total + sequences[member]!.tokens.length, 0);
  const row = {
    tokens: new Int32Array(T),
    positions: new Int32Array(T),
    ends: new Int32Array(T),
    examples: new Int32Array(T),
  };
  const labels: { source: number; target: number; weight: number }[] = [];
  let start = 0;
  for (const member of members) {
    const { tokens, labelWeights } = sequences[member]!;
    const end = start + tokens.length;
    row.tokens.set(tokens, start);
    row.ends.fill(end, start, end);
    row.examples.fill(member, start, end);
    for (let i = 0; i < tokens.length; i++) {
      row.positions[start + i] = i;
      const weight = labelWeights[i]!;
      if (weight !== 0 && i > 0) labels.push({ source: start + i - 1, target: tokens[i]!, weight });
    }
    start = end;
  }
  return {
    ...row,
    sources: Int32Array.from(labels, ({ source }) => source),
    targets: Int32Array.from(labels, ({ target }) => target),
    weights: Float32Array.from(labels, ({ weight }) => weight),
  };
}
