/** How attention by blocks of queries is lowered to a scan: what its body gets, and what each block computes. */
import { HIDDEN } from "../hidden.ts";
import type { Dim, Tensor, TensorType } from "../tensor.ts";
import { type MatmulAttributes, PLAIN, product } from "./product.ts";
import { fromChunks, inChunks } from "./row_chunks.ts";
import type { OnnxWriter } from "./writer.ts";

export interface BlockAttentionAttributes {
  scale: number;
  /** Bounds the scaled products x before the mask: softcap · tanh(x / softcap) (Gemma 2). */
  softcap?: number;
  /** A token sees those alone that are fewer positions back. */
  window?: number;
  /** Queries of a block. */
  block: number;
}

/** Values of a row: `keys` and `values` [T, K, E], `first` [T/block, 1], the others [T]. */
export interface RowNames {
  keys: string;
  values: string;
  first: string;
  index: string;
  ends: string;
  positions: string;
  /** [K·G]: see SoftmaxAttentionAttributes. */
  sinks?: string;
}

/** Behind any row. */
export const FAR = 2 ** 30;
const ONE: TensorType = { dtype: "int32", shape: [1] };

/** Blocks of the queries of a row, which are of type `q` [T, K, G, E]. */
export function queryBlocks(
  w: OnnxWriter,
  { keys, values, first, index, ends, positions, sinks }: RowNames,
  q: Tensor,
  { block, ...attributes }: BlockAttentionAttributes,
) {
  const { dtype } = q;
  const [T, K, G, E] = q.shape as [Dim, number, number, number];
  const rows: TensorType = { dtype, shape: [block, K * G * E] };
  const ints: TensorType = { dtype: "int32", shape: [block] };
  const byHead = (name: string) => w.node("Transpose", [name], { perm: [1, 0, 2] });
  const ofHeads = sinks && w.node("Reshape", [sinks, w.ints([K, G, 1, 1])]);
  const row = { keys: byHead(keys), values: byHead(values), index, ends, positions };
  const isNear = attributes.window !== undefined;
  const times = (b: OnnxWriter, x: string, y: string, options: Partial<MatmulAttributes> = {}) =>
    product(b, x, y, { ...PLAIN, ...options }, [batch(dtype), batch(dtype)]);
  const shaped = (b: OnnxWriter, name: string, shape: number[]) => b.node("Reshape", [name, w.ints(shape)]);
  const split = (b: OnnxWriter, scores: string) => shaped(b, scores, [K, G, block, -1]);
  const joined = (b: OnnxWriter, scores: string) => shaped(b, scores, [K, G * block, -1]);
  return {
    /** Of a block: what belongs to its queries. */
    rows,
    /** Of all keys. */
    keys: { name: row.keys, type: { dtype, shape: [K, T, E] } satisfies TensorType },
    /** Places of a block's queries, their first key and, where a window asks, their positions: what is scanned, and of which type. */
    sight: [inChunks(w, index, block, []), first, ...(isNear ? [inChunks(w, positions, block, [])] : [])],
    sightTypes: [ints, ONE, ...(isNear ? [ints] : [])],
    /** What belongs to queries, [T, K·G·E] or [T, K, G, E], in blocks; and such blocks as [T, K·G·E]. */
    chunks: (name: string) =>
      inChunks(w, w.node("Reshape", [name, w.ints([-1, K * G * E])]), block, [K * G * E]),
    whole: (name: string) => fromChunks(w, name, index, [K * G * E]),
    /** [block, K·G·E] -> [K, G·block, E], so that the queries of a key's heads are one matrix; and back. */
    toHeads(b: OnnxWriter, name: string) {
      const heads = b.node("Transpose", [shaped(b, name, [block, K, G, E])], { perm: [1, 2, 0, 3] });
      return joined(b, heads);
    },
    toRows(b: OnnxWriter, name: string) {
      const heads = b.node("Transpose", [split(b, name)], { perm: [2, 0, 1, 3] });
      return shaped(b, heads, [block, K * G * E]);
    },
    /** A block's part of the sinks' gradient [K·G]; of dy and y [K, G·block, E], and what the sinks leave. */
    ofSinks(b: OnnxWriter, dy: string, y: string, left: string) {
      const taken = b.node("Mul", [b.node("Sub", [left, b.scalar(1, dtype)]), b.node("Mul", [dy, y])]);
      const all = shaped(b, taken, [K * G, block * E]);
      const value = b.node("ReduceSum", [all, b.ints([1])], { keepdims: 0 });
      return { value, type: { dtype, shape: [K * G] } satisfies TensorType };
    },
    /** Of matrices [K, m, k] and [K, k, n]. */
    product: times,
    /** A block's weights [K, G·block, n] of the n keys that it looks at, and these keys. */
    attend(b: OnnxWriter, queries: string, sight: readonly string[]) {
      const { seen, keys, values, addTo } = look(b, row, sight, { block, ...attributes });
      const { scale: alpha, softcap } = attributes;
      const products = times(b, queries, keys, { transB: true, alpha });
      const bounded = softcap === undefined ? undefined : bound(b, products, softcap, dtype);
      const mask = b.node("Where", [seen, w.scalar(0, dtype), w.scalar(HIDDEN, dtype)]);
      const masked = b.node("Add", [split(b, bounded?.scores ?? products), mask]);
      const shares = b.node("Softmax", [masked], { axis: -1 });
      const weights = joined(b, shares);
      /** What sinks leave of each query's weights [K, G·block, 1]; nothing where there are none. */
      const left = ofHeads && joined(b, leftBySinks(b, masked, shares, ofHeads));
      /** From the gradient of the scores to that of the products. */
      const toProducts = (gradient: string) =>
        bounded ? b.node("Mul", [gradient, bounded.slope()]) : gradient;
      const ofLeft = (x: string) => (left ? b.node("Mul", [x, left]) : x);
      return { weights, keys, values, toProducts, addTo, left, ofLeft };
    },
  };
}

/** σ(log Σ eˣ - sink) of scores x whose softmax is `shares`: the largest share is the largest eˣ of all. */
function leftBySinks(b: OnnxWriter, scores: string, shares: string, sinks: string): string {
  const most = (x: string) => b.node("ReduceMax", [x, b.ints([-1])], { keepdims: 1 });
  const logSum = b.node("Sub", [most(scores), b.node("Log", [most(shares)])]);
  return b.node("Sigmoid", [b.node("Sub", [logSum, sinks])]);
}

const batch = (dtype: TensorType["dtype"]): TensorType => ({ dtype, shape: ["K", "M", "N"] });

/** softcap · tanh(x / softcap), and its slope. */
function bound(b: OnnxWriter, products: string, softcap: number, dtype: TensorType["dtype"]) {
  const tanh = b.node("Tanh", [b.node("Mul", [products, b.scalar(1 / softcap, dtype)])]);
  return {
    scores: b.node("Mul", [tanh, b.scalar(softcap, dtype)]),
    slope: () => b.node("Sub", [b.scalar(1, dtype), b.node("Mul", [tanh, tanh])]),
  };
}

type Row = Omit<RowNames, "first" | "sinks">;

/** The keys from a block's first one to its end, and which of its queries sees which [block, n]. */
function look(
  b: OnnxWriter,
  row: Row,
  [index, first, positions]: readonly string[],
  { block, window }: Pick<BlockAttentionAttributes, "block" | "window">,
) {
  const at = (place: number) => b.constant([place], ONE);
  const between = (name: string, from: string, to: string, axis: number) =>
    b.node("Slice", [name, from, to, at(axis)]);
  const end = b.node("Add", [between(index!, at(0), at(1), 0), at(block)]);
  const part = (name: string, axis: number) => between(name, first!, end, axis);
  const column = (name: string) => b.node("Unsqueeze", [name, b.ints([1])]);
  const i = column(index!);
  const seen = [
    b.node("LessOrEqual", [part(row.index, 0), i]),
    b.node("Less", [i, part(row.ends, 0)]),
    ...(window === undefined ? [] : [near(b, column(positions!), part(row.positions, 0), window)]),
  ];
  return {
    seen: seen.reduce((all, one) => b.node("And", [all, one])),
    keys: part(row.keys, 1),
    values: part(row.values, 1),
    /** `all` [K, T, E] plus a term [K, n, E] of these keys. */
    addTo(all: string, term: string) {
      const sum = b.node("Add", [part(all, 1), term]);
      const parts = [between(all, at(0), first!, 1), sum, between(all, end, at(FAR), 1)];
      return b.node("Concat", parts, { axis: 1 });
    },
  };
}

const near = (b: OnnxWriter, queries: string, keys: string, window: number) =>
  b.node("Less", [b.node("Sub", [queries, keys]), b.scalar(window, "int32")]);
