import type { SequenceStore } from "../data/batches/sequence_store.ts";
import { AttuneError } from "../text/errors.ts";

/** Tokens a row holds at least: fewer would leave the matrix products too small to be fast, and less to share. */
const MIN_ROW_LENGTH = 512;

/**
 * Room for the longest example, however far below maxLength it stays: attention's memory grows with the row's square.
 * @throws AttuneError when the model has no position for an example's last token.
 */
export function rowLengthFor(
  stores: readonly SequenceStore[],
  maxPositions = Number.POSITIVE_INFINITY,
): number {
  let longest = 0;
  for (const store of stores)
    for (let i = 0; i < store.length; i++) longest = Math.max(longest, store.tokensOf(i));
  if (longest > maxPositions)
    throw new AttuneError(
      `training.maxLength: there are examples of ${longest} tokens, and the model is made for ${maxPositions} (max_position_embeddings in its config.json); lower maxLength to that`,
    );
  return Math.max(longest, MIN_ROW_LENGTH);
}
