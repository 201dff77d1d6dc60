import { defineOp, ShapeError, show, type Tensor } from "../tensor.ts";

/** x [T, n] with each row `by` places further down, or up where that is negative; zeros come in, what goes out is lost. */
export const shiftRows = defineOp<[x: Tensor], { by: number }>({
  name: "shiftRows",
  infer([x], { by }) {
    if (x.shape.length !== 2 || typeof x.shape[1] !== "number" || by === 0)
      throw new ShapeError("shiftRows", `${show(x)} by ${by}`);
    return x;
  },
  lower(w, [x], { by }, [{ dtype, shape }]) {
    const rows = Math.abs(by);
    const zeros = w.node("Expand", [w.scalar(0, dtype), w.ints([rows, shape[1] as number])]);
    const all = w.node("Concat", by > 0 ? [zeros, x] : [x, zeros], { axis: 0 });
    const [start, end] = by > 0 ? [0, -rows] : [rows, LAST];
    return w.node("Slice", [all, w.ints([start]), w.ints([end]), w.ints([0])]);
  },
  vjp: (_, dy, { by }): [Tensor] => [shiftRows(dy, { by: -by })],
});

/** Beyond the last row, whatever it is. */
const LAST = 2 ** 31 - 1;
