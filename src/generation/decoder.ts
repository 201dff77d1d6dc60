import type { Adapter } from "../adapters/adapter.ts";
import type { LayerShape } from "../adapters/targets/sites.ts";
import type { TensorEntry } from "../files/safetensors.ts";
import { linearLogits } from "../graph/ops/cross_entropy.ts";
import { gather } from "../graph/ops/indexing.ts";
import { input } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Dimensions, Model } from "../models/family.ts";
import { openGraph } from "../runtime/open_graph.ts";
import type { DeviceTensor, OpenSession, Session, SessionOptions } from "../runtime/session.ts";
import { int32, int64 } from "../runtime/tensor_data.ts";
import { cachedPass } from "./cached_pass.ts";
import { createKvCache, type KvCache } from "./kv_cache.ts";
import { lowBitHead } from "./low_bit_head.ts";
import { type RowAdapter, stackedModel } from "./row_adapters.ts";
import { type AdaptedModel, runtimeAdapter } from "./runtime_adapter.ts";

/** Tokens that follow, from position `start` on, what a cache already holds of sequence `sequence`. */
export interface Piece {
  sequence: number;
  start: number;
  tokens: ArrayLike<number>;
  /** Who reads it, where a decoder has several. */
  adapter?: RowAdapter;
}

/** A model, with or without an adapter, ready to read tokens. */
export interface Decoder {
  readonly dimensions: Dimensions;
  newCache(): KvCache;
  /** Reads `pieces` into `cache`: logits [pieces, V] of what comes after each. */
  read(cache: KvCache, pieces: readonly Piece[]): Promise<Float32Array>;
  /** The same of one piece: logits [tokens, V] of what comes after each of its tokens. */
  readEach(cache: KvCache, piece: Piece): Promise<Float32Array>;
  /** Logits [tokens, V] of what comes after each token of one sequence. */
  score(tokens: ArrayLike<number>): Promise<Float32Array>;
}

/** Indices of a cache's sequences lie this far apart, longer than any: int32 has room for 128 of them. */
const SEQUENCE_SPAN = 2 ** 24;

/** How far the indices of sequence `sequence` lie from those of sequence 0. */
export const spanOf = (sequence: number) => sequence * SEQUENCE_SPAN;

/** The sequence a key at `index` of a cache belongs to. */
export const sequenceOf = (index: number) => Math.floor(index / SEQUENCE_SPAN);

/** Compiles the one graph that reads prompts and single tokens alike, of the base or with an adapter. */
export function openDecodingSession(
  model: Model,
  tensors: ReadonlyMap<string, TensorEntry>,
  open: OpenSession,
  options: SessionOptions,
  adapter?: Adapter,
): Promise<Session> {
  const headIn = (head: Tensor) => lowBitHead(head, tensors);
  return openAdapted(runtimeAdapter(model, tensors, adapter), open, options, headIn);
}

/** The same for rows that are read with several adapters, which have terms at the modules of `shapes`. */
export function openStackedSession(
  model: Model,
  tensors: ReadonlyMap<string, TensorEntry>,
  open: OpenSession,
  options: SessionOptions,
  shapes: ReadonlyMap<string, LayerShape>,
): Promise<Session> {
  const headIn = (head: Tensor) => lowBitHead(head, tensors);
  return openAdapted(stackedModel(model, tensors, shapes), open, options, headIn);
}

/** The same of a model as a run trains it, which is fed what is trained. */
export function openAdapted(
  { model, scope }: AdaptedModel,
  open: OpenSession,
  options: SessionOptions,
  headIn: (head: Tensor) => Tensor = (head) => head,
): Promise<Session> {
  const pass = cachedPass({ spareRows: options.device === "cpu" ? 0 : 1 });
  const { hidden, head, softcap } = model.decode(scope, pass);
  // Only the rows asked for reach the output layer, often the largest of all.
  const asked = gather(hidden, input("sources", ["S"], "int64")); // [S, D]
  const logits = linearLogits(asked, headIn(head), { softcap }); // [S, V]
  return openGraph(open, { logits, ...pass.added }, options);
}

/** The decoder of a session, with `constants` (an adapter's weights) fed at every step. */
export const createDecoder = (
  session: Session,
  dimensions: Dimensions,
  constants: Readonly<Record<string, DeviceTensor>> = {},
): Decoder => decoderBy(dimensions, async () => ({ session, constants }));

/** What computes a pass, and what it is fed beside tokens and cache. */
export interface Computation {
  session: Session;
  constants: Readonly<Record<string, DeviceTensor>>;
}

/** The decoder whose passes are computed by what `choose` says of their pieces. */
export function decoderBy(
  dimensions: Dimensions,
  choose: (pieces: readonly Piece[]) => Promise<Computation>,
): Decoder {
  const newCache = () => createKvCache(dimensions);
  const run = async (cache: KvCache, pieces: readonly Piece[], sources: number[]) => {
    const { session, constants } = await choose(pieces);
    const row = rowOf(pieces);
    const { feeds, into } = cache.extend(row.index, row.end);
    const own = { tokens: int64(row.tokens), positions: int32(row.positions), index: int32(row.index) };
    const outputs = await session.run({ ...feeds, ...constants, ...own, sources: int64(sources) }, into);
    cache.accept();
    return outputs.logits!.data as Float32Array;
  };
  const readEach = (cache: KvCache, piece: Piece) =>
    run(cache, [piece], [...Array(piece.tokens.length).keys()]);
  return {
    dimensions,
    newCache,
    read: (cache, pieces) => run(cache, pieces, lastRows(pieces)),
    readEach,
    score: (tokens) => readEach(newCache(), { sequence: 0, start: 0, tokens }),
  };
}

/** The row in which `pieces` lie side by side, each of its vectors [T]. */
function rowOf(pieces: readonly Piece[]) {
  const T = pieces.reduce((n, { tokens }) => n + tokens.length, 0);
  const row = {
    tokens: new Array<number>(T),
    positions: new Int32Array(T),
    index: new Int32Array(T),
    end: new Int32Array(T),
  };
  let t = 0;
  for (const { sequence, start, tokens } of pieces)
    for (let i = 0; i < tokens.length; i++, t++) {
      row.tokens[t] = tokens[i]!;
      row.positions[t] = start + i;
      row.index[t] = sequence * SEQUENCE_SPAN + start + i;
      row.end[t] = (sequence + 1) * SEQUENCE_SPAN - 1;
    }
  return row;
}

function lastRows(pieces: readonly Piece[]): number[] {
  let t = 0;
  return pieces.map(({ tokens }) => {
    t += tokens.length;
    return t - 1;
  });
}
