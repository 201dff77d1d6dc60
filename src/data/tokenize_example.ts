export type { TokenSequence } from "./token_sequence.ts";
