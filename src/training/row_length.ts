import type { SequenceStore } from "../data/batches/sequence_store.ts";
import { commonPrefix } from "../data/packing/prefix_tree.ts";
import { HEAD_ROWS } from "../graph/ops/frozen_head.ts";
import type { Device } from "../runtime/session.ts";
import { AttuneError } from "../text/errors.ts";

/** Tokens a row holds at least: fewer would leave the matrix products too small to be fast, and less to share. */
const MIN_ROW_LENGTH = 512;

interface RowLengthOptions {
  /** Positions of the model. */
  maxPositions?: number;
  /** Sequences of an example, which follow each other: all of them fit into a row, so that they share their start. */
  branches?: number;
}

/**
 * Queries of a block of attention in rows of this length: fewer skip more of what packed examples hide from each other, and more
 * are faster where there is little to skip. Undefined where the whole row is one: on a GPU, which does much at once, short ones.
 */
function attentionBlock(rowLength: number, device: Device): number | undefined {
  if (device === "webgpu") return rowLength <= 1024 ? undefined : 512;
  if (device === "cuda") return undefined;
  return rowLength <= 1024 ? 64 : 128;
}

/**
 * Tokens of a vocabulary whose logits are computed at once in rows of this length: fewer in long ones, so that they take no more
 * memory there.
 */
export const headTokens = (rowLength: number): number =>
  Math.max(MIN_HEAD_TOKENS, Math.min(HEAD_ROWS, 2 ** Math.floor(Math.log2(HEAD_LOGITS / rowLength))));

const MIN_HEAD_TOKENS = 512;
/** 32 MB in float32; each of the head's steps holds a few times that. */
const HEAD_LOGITS = 2 ** 23;

/** How a row of this length is computed in parts. */
export const partsOfRow = (rowLength: number, device: Device) => ({
  block: attentionBlock(rowLength, device),
  headTokens: headTokens(rowLength),
});

/**
 * Room for the longest example, however far below maxLength it stays: a row's activations take memory by its tokens.
 * @throws AttuneError when the model has no position for an example's last token.
 */
export function rowLengthFor(
  stores: readonly SequenceStore[],
  { maxPositions = Number.POSITIVE_INFINITY, branches = 1 }: RowLengthOptions = {},
): number {
  let longest = 0;
  for (const store of stores)
    for (let i = 0; i < store.length; i++) longest = Math.max(longest, store.tokensOf(i));
  if (longest > maxPositions)
    throw new AttuneError({
      code: "training.too-long",
      place: "training.maxLength",
      problem: `there are examples of ${longest} tokens, and the model is made for ${maxPositions} (max_position_embeddings in its config.json)`,
      wayOut: "Lower maxLength to that",
    });
  const whole =
    branches === 1 ? longest : Math.max(0, ...stores.map((store) => longestExample(store, branches)));
  return Math.max(whole, MIN_ROW_LENGTH);
}

/** Tokens of the longest example, what its sequences have in common at the start counted once. */
function longestExample(store: SequenceStore, branches: number): number {
  let longest = 0;
  for (let first = 0; first < store.length; first += branches) {
    const tokens = Array.from({ length: branches }, (_, k) => store.at(first + k).tokens);
    const own = tokens.map((own, k) => own.length - (k === 0 ? 0 : commonPrefix(tokens[k - 1]!, own)));
    longest = Math.max(
      longest,
      own.reduce((sum, length) => sum + length, 0),
    );
  }
  return longest;
}
