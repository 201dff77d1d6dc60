import { COMPUTE_TYPE, sizeOf } from "../graph/tensor.ts";
import type { Dimensions, KeptStates } from "../models/family.ts";
import type { TensorData } from "../runtime/session.ts";
import { floats } from "../runtime/tensor_data.ts";
import { cacheNames } from "./cached_pass.ts";

type Tensors = Record<string, TensorData>;

/**
 * What later tokens read of those a model has read, keys and values above all, in buffers that grow by doubling: a pass is fed their front and writes
 * the new tokens' right behind, so nothing is copied from step to step.
 */
export interface KvCache {
  /** Tokens held. */
  readonly length: number;
  /**
   * What a pass over T new tokens is fed and writes: queries at an index from `index` to before `end` (int32 [T]) will
   * see them. They are held once `accept` is called.
   */
  extend(index: Int32Array, end: Int32Array): { feeds: Tensors; into: Tensors };
  accept(): void;
  /** Forgets all but the first `length` tokens. */
  truncate(length: number): void;
  /** Forgets the tokens whose index is not wanted. */
  keep(wanted: (index: number) => boolean): void;
  /** Takes over the tokens of `other`, at indices moved by `by`. */
  append(other: KvCache, by?: number): void;
  /** Its buffers, all in the same order in every cache of a model. */
  readonly columns: readonly Column[];
}

/** A growing buffer with `width` values a token. */
interface Column extends TensorData {
  readonly dtype: typeof COMPUTE_TYPE | "int32";
  readonly width: number;
  shape: readonly number[];
  data: Float32Array | Int32Array;
}

const FIRST_CAPACITY = 128;

export function createKvCache(dimensions: Dimensions): KvCache {
  const [keyIndex, keyEnd] = [column("int32", 1), column("int32", 1)];
  const states = keptStates(dimensions).flatMap((kept, layer) =>
    Object.entries(kept).map(([what, shape]) => ({
      ...cacheNames(what, layer),
      shape,
      column: column(COMPUTE_TYPE, sizeOf(shape)),
    })),
  );
  const columns = [keyIndex, keyEnd, ...states.map((state) => state.column)];
  let [length, added] = [0, 0];

  return {
    columns,
    get length() {
      return length;
    },
    extend(index, end) {
      added = index.length;
      for (const each of columns) reserve(each, length, length + added);
      keyIndex.data.set(index, length);
      keyEnd.data.set(end, length);
      for (const each of [keyIndex, keyEnd]) each.shape = [length + added];
      const feeds: Tensors = { keyIndex, keyEnd };
      const into: Tensors = {};
      for (const { past, added: fresh, shape, column } of states) {
        column.shape = [length, ...shape];
        feeds[past] = column;
        const behind = (column.data as Float32Array).subarray(length * column.width);
        into[fresh] = floats(behind, [added, ...shape]);
      }
      return { feeds, into };
    },
    accept() {
      length += added;
      added = 0;
    },
    truncate(to) {
      length = Math.min(length, to);
    },
    keep(wanted) {
      const rows = Array.from({ length }, (_, row) => row).filter((row) => wanted(keyIndex.data[row]!));
      for (const { data, width } of columns)
        for (const [to, row] of rows.entries()) data.copyWithin(to * width, row * width, (row + 1) * width);
      length = rows.length;
    },
    append(other, by = 0) {
      for (const [i, each] of columns.entries()) {
        reserve(each, length, length + other.length);
        each.data.set(other.columns[i]!.data.subarray(0, other.length * each.width), length * each.width);
      }
      for (const { data } of [keyIndex, keyEnd])
        for (let row = length; row < length + other.length; row++) data[row]! += by;
      length += other.length;
    },
  };
}

/** By layer. */
function keptStates({ kept, layers, keyValueHeads, headDim }: Dimensions): readonly KeptStates[] {
  const heads = [keyValueHeads, headDim];
  return kept ?? Array<KeptStates>(layers).fill({ key: heads, value: heads });
}

const column = (dtype: Column["dtype"], width: number): Column => ({
  dtype,
  width,
  shape: [],
  data: bufferOf(dtype, 0),
});

const bufferOf = (dtype: Column["dtype"], size: number) =>
  dtype === "int32" ? new Int32Array(size) : new Float32Array(size);

/** Room for `wanted` tokens, the first `held` kept. */
function reserve(buffer: Column, held: number, wanted: number): void {
  const { data, width } = buffer;
  if (wanted * width <= data.length) return;
  const capacity = Math.max(wanted, (2 * data.length) / width, FIRST_CAPACITY) * width;
  const grown = bufferOf(buffer.dtype, capacity);
  grown.set(data.subarray(0, held * width));
  buffer.data = grown;
}
