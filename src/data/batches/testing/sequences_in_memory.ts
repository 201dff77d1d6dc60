import type { TokenSequence } from "../../tokenize/token_sequence.ts";
import type { SequenceStore } from "../sequence_store.ts";

export const sequencesInMemory = (sequences: readonly TokenSequence[]): SequenceStore => ({
  length: sequences.length,
  tokensOf: (i) => sequences[i]!.tokens.length,
  at: (i) => sequences[i]!,
});
