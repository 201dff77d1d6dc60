import { defineOp, requireFloat, type Tensor } from "../tensor.ts";

interface Direction {
  /** From the last row to the first. */
  reverse: boolean;
}

/** Of each entry of x [T, n] the sum of those before it in its column, itself left out. */
export const sumBefore = defineOp<[x: Tensor], Direction>({
  name: "sumBefore",
  infer([x]) {
    requireFloat("sumBefore", x);
    return x;
  },
  lower: (w, [x], { reverse }) =>
    w.node("CumSum", [x, w.scalar(0, "int32")], { exclusive: 1, reverse: Number(reverse) }),
  vjp: (_, dy, { reverse }): [Tensor] => [sumBefore(dy, { reverse: !reverse })],
});
