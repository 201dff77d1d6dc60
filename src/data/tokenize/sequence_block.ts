import type { TokenSequence } from "./token_sequence.ts";

/** Sequences in a few flat arrays, cheap to hand to another thread and to append to a file. */
export interface SequenceBlock {
  /** One record after the other: tokens (int32), then label runs (length as uint32, weight as float32). */
  records: Uint8Array<ArrayBuffer>;
  /** Number of tokens of each, [sequences]. */
  tokens: Uint32Array<ArrayBuffer>;
  /** Number of label runs of each, [sequences]. */
  runs: Uint32Array<ArrayBuffer>;
  /** Index into `names` of the file each came from, [sequences]. */
  files: Uint32Array<ArrayBuffer>;
  /** Row of that file, [sequences]. */
  rows: Uint32Array<ArrayBuffer>;
  names: string[];
}

/** Bytes of a record. */
export const recordSize = (tokens: number, runs: number): number => 4 * tokens + 8 * runs;

export function packSequences(sequences: readonly TokenSequence[]): SequenceBlock {
  const labels = sequences.map(({ labelWeights }) => runsOf(labelWeights));
  const column = (value: (sequence: TokenSequence, i: number) => number) =>
    Uint32Array.from(sequences, value);
  const names = new Map<string, number>();
  const block: SequenceBlock = {
    records: new Uint8Array(
      sequences.reduce((size, { tokens }, i) => size + recordSize(tokens.length, labels[i]!.length / 2), 0),
    ),
    tokens: column(({ tokens }) => tokens.length),
    runs: column((_, i) => labels[i]!.length / 2),
    files: column(({ origin }) => indexIn(names, origin.file)),
    rows: column(({ origin }) => origin.row),
    names: [...names.keys()],
  };
  const words = new Int32Array(block.records.buffer);
  let at = 0;
  sequences.forEach(({ tokens }, i) => {
    words.set(tokens, at);
    words.set(labels[i]!, at + tokens.length);
    at += tokens.length + labels[i]!.length;
  });
  return block;
}

/** The place of `name` in a table that grows as names come. */
export function indexIn(names: Map<string, number>, name: string): number {
  const index = names.get(name) ?? names.size;
  names.set(name, index);
  return index;
}

/** Runs of bit-equal weights: length and the weight's bits, in turn. */
function runsOf(labelWeights: Float32Array): Int32Array {
  const bits = new Int32Array(labelWeights.buffer, labelWeights.byteOffset, labelWeights.length);
  const runs: number[] = [];
  let from = 0;
  for (let i = 1; i <= bits.length; i++)
    if (i === bits.length || bits[i] !== bits[from]) {
      runs.push(i - from, bits[from]!);
      from = i;
    }
  return Int32Array.from(runs);
}

/** The arrays of a record that {@link packSequences} wrote. `record` is aligned to 4 bytes. */
export function unpackRecord(
  record: Uint8Array<ArrayBuffer>,
  tokens: number,
): Pick<TokenSequence, "tokens" | "labelWeights"> {
  const ids = new Int32Array(record.buffer, record.byteOffset, tokens);
  const runs = record.byteOffset + 4 * tokens;
  const lengths = new Uint32Array(record.buffer, runs, (record.length - 4 * tokens) / 4);
  const weights = new Float32Array(record.buffer, runs, lengths.length);
  const labelWeights = new Float32Array(tokens);
  let at = 0;
  for (let run = 0; run < lengths.length; run += 2) {
    labelWeights.fill(weights[run + 1]!, at, at + lengths[run]!);
    at += lengths[run]!;
  }
  return { tokens: ids, labelWeights };
}
