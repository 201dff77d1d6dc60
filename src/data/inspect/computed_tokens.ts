import type { SequenceStore } from "../batches/sequence_store.ts";
import { makePacks } from "../packing/pack.ts";

/**
 * Tokens that batches of `batchSize`, in the store's order, compute in rows of `rowLength`: what a step's sequences
 * have in common at their start is computed once.
 */
export function computedTokens(
  store: SequenceStore,
  { batchSize, rowLength }: { batchSize: number; rowLength: number },
): number {
  let computed = 0;
  for (let from = 0; from < store.length; from += batchSize) {
    const size = Math.min(batchSize, store.length - from);
    const batch = Array.from({ length: size }, (_, i) => store.at(from + i));
    for (const { tokens } of makePacks(batch, rowLength)) computed += tokens.length;
  }
  return computed;
}
