import { type DocumentPiece, isPiece } from "./chunk_rows.ts";
import { type Chunk, type TokenizedChunk, tokenizeChunk } from "./tokenize_chunk.ts";
import { pieceTokenizer } from "./tokenize_pieces.ts";
import { openPlan, type TokenizePlan } from "./tokenize_plan.ts";

/** Tokenizes chunks in this thread, one after the other. */
export async function* tokenizeHere(
  works: AsyncIterable<Chunk | DocumentPiece>,
  plan: TokenizePlan,
  signal?: AbortSignal,
): AsyncGenerator<TokenizedChunk> {
  const options = openPlan(plan);
  const addPiece = pieceTokenizer(options);
  for await (const work of works) {
    yield isPiece(work) ? addPiece(work) : tokenizeChunk(work, options);
    signal?.throwIfAborted();
  }
}
