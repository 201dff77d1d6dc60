/** How attention by blocks of queries is lowered: what a block gets and computes, by a scan or, on a GPU, block by block. */
import { HIDDEN } from "../hidden.ts";
import { type Dim, type DType, sizeOf, type Tensor, type TensorType } from "../tensor.ts";
import { type MatmulAttributes, PLAIN, product } from "./product.ts";
import { fromChunks, inChunks } from "./row_chunks.ts";
import { OnnxWriter } from "./writer.ts";

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

/** What of a row belongs to a block of queries: their places [block], their positions, and the keys they look at. */
interface Sight {
  index: string;
  positions?: string;
  keys: KeyRange;
}

/** Keys of a row, from one to another, which is left out; and whether there are keys before and behind them. */
interface KeyRange {
  from: string;
  to: string;
  isFirst: boolean;
  isLast: boolean;
}

/** A value that is handed on from block to block, at first. */
interface Carried {
  name: string;
  type: TensorType;
}

/** What a block gives: its rows [block, K·G·E], and what it hands on to the next. */
type Turn = (
  b: OnnxWriter,
  rows: string[],
  sight: Sight,
  carried: string[],
) => { row: string; next: string[] };

/** Blocks of the queries of a row, which are of type `q` [T, K, G, E]. */
export function queryBlocks(
  w: OnnxWriter,
  { keys, values, first, index, ends, positions, sinks }: RowNames,
  q: Tensor,
  { block: most, ...attributes }: BlockAttentionAttributes,
) {
  const { dtype } = q;
  const [T, K, G, E] = q.shape as [Dim, number, number, number];
  const isUnrolled = w.dialect === "gpu";
  const block = isUnrolled ? evenly(T as number, most) : most;
  const rows: TensorType = { dtype, shape: [block, K * G * E] };
  const counted = isUnrolled ? "float32" : "int32"; // a GPU has no kernel that slices integers
  const ints: TensorType = { dtype: counted, shape: [block] };
  const byHead = (name: string) => w.node("Transpose", [name], { perm: [1, 0, 2] });
  const ofHeads = sinks && w.node("Reshape", [sinks, w.ints([K, G, 1, 1])]);
  const number = (name: string) =>
    isUnrolled ? w.node("Cast", [name], { to: OnnxWriter.dataType(counted) }) : name;
  const places = { index: number(index), ends: number(ends), positions: number(positions) };
  const row = { keys: byHead(keys), values: byHead(values), ...places };
  const allKeys = { dtype, shape: [K, T, E] } satisfies TensorType;
  const isNear = attributes.window !== undefined;
  const times = (b: OnnxWriter, x: string, y: string, options: Partial<MatmulAttributes> = {}) =>
    product(b, x, y, { ...PLAIN, ...options }, [batch(dtype), batch(dtype)]);
  const shaped = (b: OnnxWriter, name: string, shape: number[]) => b.node("Reshape", [name, w.ints(shape)]);
  const split = (b: OnnxWriter, scores: string) => shaped(b, scores, [K, G, block, -1]);
  const joined = (b: OnnxWriter, scores: string) => shaped(b, scores, [K, G * block, -1]);
  const chunksOf = (name: string) =>
    inChunks(w, w.node("Reshape", [name, w.ints([-1, K * G * E])]), block, { dtype, shape: [T, K * G * E] });
  const intsOf = (name: string) => inChunks(w, name, block, { dtype: counted, shape: [T] });
  const whole = (name: string) => fromChunks(w, name, [index, { dtype: "int32", shape: [T] }], [K * G * E]);

  /** Turn by turn, by a loop of the runtime's. */
  const scan = (carried: readonly Carried[], scanned: readonly string[], turn: Turn) => {
    const sight = [intsOf(row.index), first, ...(isNear ? [intsOf(row.positions)] : [])];
    const types = [
      ...carried.map(({ type }) => type),
      ...scanned.map(() => rows),
      ints,
      ONE,
      ...(isNear ? [ints] : []),
    ];
    const body = w.body(types, (b, names) => {
      const own = names.slice(carried.length, carried.length + scanned.length);
      const [index, from, positions] = names.slice(carried.length + scanned.length) as [
        string,
        string,
        string?,
      ];
      const keys = { from, to: endOf(b, index, block), isFirst: false, isLast: false };
      const { row, next } = turn(b, own, { index, positions, keys }, names.slice(0, carried.length));
      return [...next.map((value, i) => ({ value, type: carried[i]!.type })), { value: row, type: rows }];
    });
    const inputs = [...scanned, ...sight];
    const attributes = { num_scan_inputs: inputs.length, body };
    const outputs = w.nodes("Scan", [...namesOf(carried), ...inputs], attributes, carried.length + 1);
    return { all: outputs.at(-1)!, carried: outputs.slice(0, -1) };
  };

  const part = (name: string, i: number, shape: readonly number[]) =>
    w.node("Reshape", [w.node("Slice", [name, w.ints([i]), w.ints([i + 1]), w.ints([0])]), w.ints(shape)]);
  const joinedRows = (rows: readonly string[]) =>
    rows.length > 1 ? w.node("Concat", rows, { axis: 0 }) : rows[0]!;

  /**
   * The same written turn by turn. The last one runs first: its keys are the most, and what they took is taken again. Keys come in
   * few numbers for that: up to a block's last query, or somewhat further.
   */
  const unroll = (carried: readonly Carried[], scanned: readonly string[], turn: Turn) => {
    const count = Math.ceil((T as number) / block);
    const [indices, places] = [intsOf(row.index), isNear ? intsOf(row.positions) : undefined];
    const rowsAt = (i: number) => scanned.map((name) => part(name, i, rows.shape as number[]));
    const sightAt = (i: number): Sight => ({
      index: part(indices, i, [block]),
      positions: places && part(places, i, [block]),
      keys: keysUpTo(w, 2 ** Math.ceil(Math.log2(i + 1)) * block, T as number),
    });
    if (carried.length === 0) {
      const each = Array.from({ length: count }, (_, i) => turn(w, rowsAt(i), sightAt(i), []).row);
      return { all: joinedRows(each), carried: [] }; // the runtime begins with what was written last
    }
    let [state, own, done] = [namesOf(carried), rowsAt(count - 1), [] as string[]];
    for (let i = count - 1; ; i--) {
      const { row, next } = turn(w, own, sightAt(i), state);
      done = [joinedRows([row, ...done])];
      if (i === 0) return { all: done[0]!, carried: next };
      const sizes = [
        ...carried.map(({ type }) => type.shape),
        [(count - i) * block, K * G * E],
        ...own.map(() => rows.shape),
      ];
      const tied = together(w, [...next, ...done, ...rowsAt(i - 1)], sizes as number[][]);
      [state, done, own] = [tied.slice(0, next.length), [tied[next.length]!], tied.slice(next.length + 1)];
    }
  };

  return {
    keys: { name: row.keys, type: allKeys } satisfies Carried,
    /**
     * What `turn` gives for each block, [T, K·G·E], of the blocks of `queries` [T, K·G·E] or [T, K, G, E]; and what it hands on, from
     * `carried` on.
     */
    eachBlock(queries: readonly string[], carried: readonly Carried[], turn: Turn) {
      const by = isUnrolled ? unroll : scan;
      const found = by(carried, queries.map(chunksOf), turn);
      return { whole: whole(found.all), carried: found.carried };
    },
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
      return b.node("ReduceSum", [all, b.ints([1])], { keepdims: 0 });
    },
    /** Of matrices [K, m, k] and [K, k, n]. */
    product: times,
    /** A block's weights [K, G·block, n] of the n keys that it looks at, and these keys. */
    attend(b: OnnxWriter, queries: string, sight: Sight) {
      const { seen, keys, values, addTo } = look(b, row, sight, attributes.window, counted);
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

const namesOf = (carried: readonly Carried[]): string[] => carried.map(({ name }) => name);

/** σ(log Σ eˣ - sink) of scores x whose softmax is `shares`: the largest share is the largest eˣ of all. */
function leftBySinks(b: OnnxWriter, scores: string, shares: string, sinks: string): string {
  const most = (x: string) => b.node("ReduceMax", [x, b.ints([-1])], { keepdims: 1 });
  const logSum = b.node("Sub", [most(scores), b.node("Log", [most(shares)])]);
  return b.node("Sigmoid", [b.node("Sub", [logSum, sinks])]);
}

/** Blocks of one size, `most` or a little less, so that the last one has few rows that are filled up. */
const evenly = (T: number, most: number): number => Math.ceil(T / Math.ceil(T / most));

/** All keys before `end`, or all. */
const keysUpTo = (w: OnnxWriter, end: number, T: number): KeyRange => ({
  from: w.constant([0], ONE),
  to: w.constant([Math.min(end, T)], ONE),
  isFirst: true,
  isLast: end >= T,
});

/** Behind a block's last query. */
function endOf(b: OnnxWriter, index: string, block: number): string {
  const at = (place: number) => b.constant([place], ONE);
  return b.node("Add", [b.node("Slice", [index, at(0), at(1), at(0)]), at(block)]);
}

/** The same values, none of which is read before all are computed: what a turn holds is free before the next one begins,
 * whose rows are among them. */
function together(w: OnnxWriter, values: readonly string[], shapes: readonly number[][]): string[] {
  const flat = values.map((value) => w.node("Reshape", [value, w.ints([-1])]));
  const all = w.node("Concat", flat, { axis: 0 });
  let end = 0;
  return shapes.map((shape) => {
    const start = end;
    end += sizeOf(shape);
    const own = w.node("Slice", [all, w.ints([start]), w.ints([end]), w.ints([0])]);
    return w.node("Reshape", [own, w.ints(shape)]);
  });
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

/** The keys that a block looks at, and which of its queries sees which [block, n]. */
function look(
  b: OnnxWriter,
  row: Row,
  { index, positions, keys }: Sight,
  window: number | undefined,
  counted: DType,
) {
  const at = (place: number) => b.constant([place], ONE);
  const between = (name: string, from: string, to: string, axis: number) =>
    b.node("Slice", [name, from, to, at(axis)]);
  const part = (name: string, axis: number) => between(name, keys.from, keys.to, axis);
  const column = (name: string) => b.node("Unsqueeze", [name, b.ints([1])]);
  const i = column(index);
  const seen = [
    b.node("LessOrEqual", [part(row.index, 0), i]),
    b.node("Less", [i, part(row.ends, 0)]),
    ...(window === undefined
      ? []
      : [near(b, column(positions!), part(row.positions, 0), b.scalar(window, counted))]),
  ];
  return {
    seen: seen.reduce((all, one) => b.node("And", [all, one])),
    keys: part(row.keys, 1),
    values: part(row.values, 1),
    /** `all` [K, T, E] plus a term [K, n, E] of these keys. */
    addTo(all: string, term: string) {
      const parts = [b.node("Add", [part(all, 1), term])];
      if (!keys.isFirst) parts.unshift(between(all, at(0), keys.from, 1));
      if (!keys.isLast) parts.push(between(all, keys.to, at(FAR), 1));
      return parts.length > 1 ? b.node("Concat", parts, { axis: 1 }) : parts[0]!;
    },
  };
}

const near = (b: OnnxWriter, queries: string, keys: string, window: string) =>
  b.node("Less", [b.node("Sub", [queries, keys]), window]);
