/** Rows in chunks of one size, the last one filled up with zeros. */
import type { Dim, TensorType } from "../tensor.ts";
import type { OnnxWriter } from "./writer.ts";

/** x [T, ...row] of type `type` as [T/size, size, ...row]. */
export function inChunks(w: OnnxWriter, x: string, size: number, { dtype, shape }: TensorType): string {
  const [T, ...row] = shape as [Dim, ...number[]];
  if (typeof T === "number") {
    const missing = Math.ceil(T / size) * size - T;
    const zeros = () => w.node("Expand", [w.scalar(0, dtype), w.ints([missing, ...row])]);
    const all = missing > 0 ? w.node("Concat", [x, zeros()], { axis: 0 }) : x;
    return w.node("Reshape", [all, w.ints([-1, size, ...row])]);
  }
  const missing = w.once(`missing of ${T} in chunks of ${size}`, () =>
    w.node("Mod", [w.node("Sub", [w.ints([0]), rowsOf(w, x, T)]), w.ints([size])]),
  );
  const none = (count: number) => w.ints(Array<number>(count).fill(0));
  const parts = [none(row.length + 1), missing, ...(row.length > 0 ? [none(row.length)] : [])];
  const pads = w.once(`${missing} behind ${row.length + 1} axes`, () => w.node("Concat", parts, { axis: 0 }));
  const padded = w.node("Pad", [x, pads]);
  return w.node("Reshape", [padded, w.ints([-1, size, ...row])]);
}

/** The first rows of chunks x [T/size, size, ...row], as many as `like` [T, ...] of type `type` has: [T, ...row]. */
export function fromChunks(
  w: OnnxWriter,
  x: string,
  [like, { shape }]: readonly [name: string, type: TensorType],
  row: readonly number[],
): string {
  const flat = w.node("Reshape", [x, w.ints([-1, ...row])]);
  const T = shape[0]!;
  if (typeof T === "number") return w.node("Slice", [flat, w.ints([0]), w.ints([T]), w.ints([0])]);
  return w.node("Slice", [flat, w.ints([0]), rowsOf(w, like, T), w.ints([0])]);
}

/** How many rows there are: one node for all values that have T of them. */
const rowsOf = (w: OnnxWriter, x: string, T: string) =>
  w.once(`rows of ${T}`, () => w.node("Shape", [x], { start: 0, end: 1 }));
