import { add, and, cast, equal, less, lessOrEqual, mul, sub, where } from "../graph/ops/elementwise.ts";
import { gather } from "../graph/ops/indexing.ts";
import { reshape } from "../graph/ops/shape.ts";
import { shiftRows } from "../graph/ops/shift_rows.ts";
import { constant, scalar } from "../graph/sources.ts";
import type { Dim, Tensor } from "../graph/tensor.ts";
import { largestSeen, type Sight } from "./attention.ts";

/**
 * Rows of x [N, D] as they were a number of tokens before each of T queries, in its own branch: zeros where the branch isn't
 * as long. `rows` (int32 [N]) numbers the keys.
 */
export function rowsBefore(sight: Sight, rows: Tensor): (x: Tensor, distance: number) => Tensor {
  const found = new Map<number, Tensor>();
  return (x, distance) => {
    const known = found.get(distance);
    const place = known ?? placeBefore(sight, rows, constant([distance], [], "int32"));
    found.set(distance, place);
    return rowsAt(x, place);
  };
}

/** Rows of x [N, D] at `places` less 1 (int32 [T]); zeros for a place that is 0. */
export function rowsAt(x: Tensor, places: Tensor): Tensor {
  const [T, none] = [places.shape[0] as Dim, scalar(0, places)];
  const there = less(none, places);
  const taken = gather(x, where(there, sub(places, scalar(1, places)), none));
  return mul(taken, reshape(cast(there, x.dtype), [T, 1]));
}

/** The same of rows in which sequences stand side by side, each token at its place of `positions` (int32 [T]). */
export function moved(x: Tensor, positions: Tensor, distance: number): Tensor {
  const there = lessOrEqual(scalar(distance, positions), positions);
  const column = reshape(cast(there, x.dtype), [positions.shape[0] as Dim, 1]);
  return mul(shiftRows(x, { by: distance }), column);
}

/** 1, 2 … `count`. */
export const distances = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

/** One more than the row of the key that lies `distance` (int32 [] or [T, 1]) tokens before each query: int32 [T]. */
export function placeBefore(sight: Sight, rows: Tensor, distance: Tensor): Tensor {
  const column = (t: Tensor) => reshape(t, [t.shape[0] as Dim, 1]);
  const row = (t: Tensor) => reshape(t, [1, t.shape[0] as Dim]);
  const i = column(sight.queryIndex);
  const seen = and(lessOrEqual(row(sight.keyIndex), i), less(i, row(sight.keyEnd)));
  const back = sub(column(sight.queryPosition), row(sight.keyPosition));
  const one = constant([1], [], "int32");
  return largestSeen(and(seen, equal(back, distance)), add(rows, one));
}
