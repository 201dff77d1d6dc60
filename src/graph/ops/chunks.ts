import { fromChunks, inChunks } from "../onnx/row_chunks.ts";
import { type Dim, defineOp, ShapeError, sameShape, show, type Tensor } from "../tensor.ts";

/** How many chunks of `size` rows `rows` take, the last one filled up: of "T" rows "T/size". */
const chunkCount = (rows: Dim, size: number): Dim =>
  typeof rows === "number" ? Math.ceil(rows / size) : `${rows}/${size}`;

/** x [T, ...row] in chunks of `size` rows, the last filled up with zeros: [T/size, size, ...row]. */
export const rowChunks = defineOp<[x: Tensor], { size: number }>({
  name: "rowChunks",
  unrolledOnGpu: true,
  infer: ([x], { size }) => ({
    dtype: x.dtype,
    shape: [chunkCount(x.shape[0]!, size), size, ...x.shape.slice(1)],
  }),
  lower: (w, [x], { size }, [type]) => inChunks(w, x, size, type),
  vjp: ([x], dy) => [unchunk(dy, x)],
});

/** Rows in chunks x [T/size, size, ...row] one behind the other, as many as `like` [T, ...] has: [T, ...row]. */
export const unchunk = defineOp<[x: Tensor, like: Tensor]>({
  name: "unchunk",
  unrolledOnGpu: true,
  infer([x, like]) {
    const [count, size, ...row] = x.shape as [Dim, number, ...Dim[]];
    if (chunkCount(like.shape[0]!, size) !== count)
      throw new ShapeError("unchunk", `${show(x)} are not the rows of ${show(like)}`);
    return { dtype: x.dtype, shape: [like.shape[0]!, ...row] };
  },
  lower: (w, [x, like], _, [type, of]) => fromChunks(w, x, [like, of], type.shape.slice(2) as number[]),
  vjp: ([x], dy): [Tensor, null] => [rowChunks(dy, { size: x.shape[1] as number }), null],
});

/** The first rows of x [N, ...row], as many as `like` [P, ...] has: [P, ...row]. It has no gradient. */
export const leadingRows = defineOp<[x: Tensor, like: Tensor]>({
  name: "leadingRows",
  infer([x, like]) {
    if (sameShape(x.shape, [])) throw new ShapeError("leadingRows", `${show(x)} has no rows`);
    return { dtype: x.dtype, shape: [like.shape[0]!, ...x.shape.slice(1)] };
  },
  lower: (w, [x, like]) =>
    w.node("Slice", [x, w.ints([0]), w.node("Shape", [like], { start: 0, end: 1 }), w.ints([0])]),
  vjp: () => [null, null],
});
