import { scalar } from "../sources.ts";
import { ShapeError, type Tensor } from "../tensor.ts";
import { add, less, mul, scale, where } from "./elementwise.ts";

/**
 * The random words dropout is worked out from, int32: entry [t, d] is kept when rows·columns, hashed, says so.
 * rows: two [T, 1] words a token; columns: two [D] words a module, odd. All come from addressed randomness, so the mask
 * is a function of (seed, step, example, position, module, d) however tokens are packed.
 */
export interface DropoutWords {
  rows: readonly [Tensor, Tensor];
  columns: readonly [Tensor, Tensor];
}

/**
 * Inverted dropout (Srivastava et al. 2014) of x [T, D]: each entry is zero with probability `p`, else divided by 1 - p.
 * The hash is multiply-add modulo 2³² (Dietzfelbinger 1996), one of whose outcomes in 2³² · p is below the threshold.
 */
export function dropout(x: Tensor, p: number, { rows, columns }: DropoutWords): Tensor {
  if (!(p >= 0 && p < 1)) throw new ShapeError("dropout", `the probability is ${p}, not in [0, 1)`);
  const hash = add(mul(rows[0], columns[0]), mul(rows[1], columns[1])); // [T, D] int32
  if (hash.dtype !== "int32") throw new ShapeError("dropout", `the words are ${hash.dtype}, not int32`);
  const threshold = scalar(Math.round((p - 0.5) * 2 ** 32), hash);
  return where(less(hash, threshold), scalar(0, x), scale(x, 1 / (1 - p)));
}
