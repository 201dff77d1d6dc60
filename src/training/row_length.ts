import type { SequenceStore } from "../data/sequence_store.ts";

/** Tokens a row holds at least: fewer would leave the matrix products too small to be fast. */
const MIN_ROW_LENGTH = 512;

/** Room for the longest example, however far below maxLength it stays: attention's memory grows with the row's square. */
export function rowLengthFor(stores: readonly SequenceStore[]): number {
  let longest = MIN_ROW_LENGTH;
  for (const store of stores)
    for (let i = 0; i < store.length; i++) longest = Math.max(longest, store.tokensOf(i));
  return longest;
}
