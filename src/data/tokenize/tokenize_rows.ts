import { availableParallelism } from "node:os";
import type { Example, UnusableRow } from "../example.ts";
import { chunkRows, type DocumentPiece, isPiece } from "./chunk_rows.ts";
import type { Chunk, TokenizedChunk } from "./tokenize_chunk.ts";
import { tokenizeHere } from "./tokenize_here.ts";
import { pieceTokenizer } from "./tokenize_pieces.ts";
import { openPlan, type TokenizePlan } from "./tokenize_plan.ts";
import { openTokenizePool, type TokenizePool } from "./tokenize_pool.ts";

export interface TokenizeRowsOptions {
  /** Threads; as many as there are cores when left out. */
  workers?: number;
  /** Ends the work; its reason is thrown. */
  signal?: AbortSignal;
}

/** So few chunks are done before threads would have started. */
const FEW = 8;

/**
 * Tokenizes rows, in parallel when they are many. What comes out is in the order of the rows, and doesn't depend on
 * the number of threads. Only a few chunks are in memory at a time.
 * @throws AttuneError naming file and row.
 */
export async function* tokenizeRows(
  rows: AsyncIterable<Example | UnusableRow>,
  plan: TokenizePlan,
  { workers = availableParallelism(), signal }: TokenizeRowsOptions = {},
): AsyncGenerator<TokenizedChunk> {
  const chunks = chunkRows(rows);
  try {
    const first = await take(chunks, FEW);
    signal?.throwIfAborted();
    if (first.length < FEW || workers < 2) yield* tokenizeHere(chain(first, chunks), plan, signal);
    else yield* inThreads(chain(first, chunks), plan, workers, signal);
  } finally {
    await chunks.return(undefined);
  }
}

async function* inThreads(
  works: AsyncIterable<Work>,
  plan: TokenizePlan,
  workers: number,
  signal?: AbortSignal,
): AsyncGenerator<TokenizedChunk> {
  let pool: TokenizePool | undefined; // documents are tokenized here, piece by piece: they may be all there is
  let addPiece: ReturnType<typeof pieceTokenizer> | undefined;
  const run = async (work: Work) => {
    if (isPiece(work)) {
      addPiece ??= pieceTokenizer(openPlan(plan));
      return addPiece(work);
    }
    pool ??= openTokenizePool(plan, workers);
    return pool.run(work);
  };
  const stop = () => void pool?.close();
  signal?.addEventListener("abort", stop);
  try {
    yield* inOrder(works, run, 2 * workers);
    signal?.throwIfAborted();
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    signal?.removeEventListener("abort", stop);
    await pool?.close();
  }
}

type Work = Chunk | DocumentPiece;

/** Keeps `ahead` chunks under way, and gives back what they became in their order. */
async function* inOrder(
  works: AsyncIterable<Work>,
  run: (work: Work) => Promise<TokenizedChunk>,
  ahead: number,
): AsyncGenerator<TokenizedChunk> {
  const underWay: Promise<TokenizedChunk>[] = [];
  for await (const work of works) {
    const tokenized = run(work);
    tokenized.catch(() => {}); // thrown when its turn comes
    underWay.push(tokenized);
    if (underWay.length >= ahead) yield await underWay.shift()!;
  }
  for (const tokenized of underWay) yield await tokenized;
}

async function take<T>(items: AsyncIterator<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const { done, value } = await items.next();
    if (done) break;
    taken.push(value);
  }
  return taken;
}

async function* chain<T>(first: readonly T[], rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield* first;
  yield* rest;
}
