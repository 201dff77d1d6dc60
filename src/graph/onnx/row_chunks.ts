/** Rows in chunks of one size, the last one filled up with zeros. */
import type { OnnxWriter } from "./writer.ts";

/** x [T, ...row] as [T/size, size, ...row]. */
export function inChunks(w: OnnxWriter, x: string, size: number, row: readonly number[]): string {
  const rows = w.node("Shape", [x], { start: 0, end: 1 });
  const missing = w.node("Mod", [w.node("Sub", [w.ints([0]), rows]), w.ints([size])]);
  const none = (count: number) => w.ints(Array<number>(count).fill(0));
  const parts = [none(row.length + 1), missing, ...(row.length > 0 ? [none(row.length)] : [])];
  const padded = w.node("Pad", [x, w.node("Concat", parts, { axis: 0 })]);
  return w.node("Reshape", [padded, w.ints([-1, size, ...row])]);
}

/** The first rows of chunks x [T/size, size, ...], as many as `like` has: [T, ...row]. */
export function fromChunks(w: OnnxWriter, x: string, like: string, row: readonly number[]): string {
  const flat = w.node("Reshape", [x, w.ints([-1, ...row])]);
  return w.node("Slice", [flat, w.ints([0]), w.node("Shape", [like], { start: 0, end: 1 }), w.ints([0])]);
}
