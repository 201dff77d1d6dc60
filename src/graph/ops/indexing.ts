import { defineOp, ShapeError, sameShape, show, type Tensor } from "../tensor.ts";

/** Rows of `table` [V, ...] at `indices` [...] (int64): [...indices, ...row]. */
export const gather = defineOp<[table: Tensor, indices: Tensor]>({
  name: "gather",
  infer([table, indices]) {
    if (indices.dtype !== "int64") throw new ShapeError("gather", `indices are ${show(indices)}, not int64`);
    return { dtype: table.dtype, shape: [...indices.shape, ...table.shape.slice(1)] };
  },
  lower: (w, names) => w.node("Gather", names, { axis: 0 }),
  vjp: ([table, indices], dy): [Tensor, null] => [scatterAdd(table, indices, dy), null],
});

/** Zeros of the shape of `like` [V, ...] plus `updates` [N, ...] added at the rows `indices` [N] (int64), repeats summed. */
export const scatterAdd = defineOp<[like: Tensor, indices: Tensor, updates: Tensor]>({
  name: "scatterAdd",
  infer([like, indices, updates]) {
    const expected = [...indices.shape, ...like.shape.slice(1)];
    if (indices.shape.length !== 1 || !sameShape(updates.shape, expected))
      throw new ShapeError("scatterAdd", `${show(updates)} at rows ${show(indices)} of ${show(like)}`);
    return { dtype: updates.dtype, shape: like.shape };
  },
  lower(w, [like, indices, updates], _, [type], out) {
    const known = type.shape.every((d) => typeof d === "number");
    const shape = known ? w.ints(type.shape as number[]) : w.node("Shape", [like]);
    const zeros = w.node("Expand", [w.scalar(0, out.dtype), shape]);
    const rows = w.node("Unsqueeze", [indices, w.ints([-1])]);
    return w.node("ScatterND", [zeros, rows, updates], { reduction: "add" });
  },
  vjp: ([, indices], dy): [null, null, Tensor] => [null, null, gather(dy, indices)],
});
