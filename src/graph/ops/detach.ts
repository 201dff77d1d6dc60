import { defineOp, type Tensor } from "../tensor.ts";

/** x, as a constant to the backward pass. */
export const detach = defineOp<[x: Tensor]>({
  name: "detach",
  rowWise: () => "every input",
  infer: ([x]) => x,
  lower: (_, [x]) => x,
  vjp: () => [null],
});
