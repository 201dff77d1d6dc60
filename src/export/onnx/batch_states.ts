/**
 * What layers keep of a batch besides keys and values: the last tokens of a convolution, the memory of a delta rule. B sequences of
 * S new tokens each, T = B·S, padded on the left.
 */
import type { OnnxWriter } from "../../graph/onnx/writer.ts";
import { type Dim, defineOp, type Tensor, type TensorType } from "../../graph/tensor.ts";

const FLOAT = 1; // TensorProto.DataType
const LAST = 2 ** 31 - 1;

/** 1 where a new token is one, 0 where it is padding: of `mask` [B, N] for `ids` [B, S], [T, 1]. */
export const isThere = defineOp<[mask: Tensor, ids: Tensor]>({
  name: "isThere",
  infer: () => ({ dtype: "float32", shape: ["T", 1] }),
  lower(w, [mask, ids]) {
    const start = w.node("Neg", [w.node("Shape", [ids], { start: 1, end: 2 })]);
    const fresh = w.node("Slice", [mask, start, w.ints([LAST]), w.ints([1])]);
    return w.node("Cast", [w.node("Reshape", [fresh, w.ints([-1, 1])])], { to: FLOAT });
  },
  vjp: () => [null, null],
});

/** The rows x [T, D] of `ids` [B, S] behind those that came before them, `past` [B, count, D]: [B, count + S, D]. */
export const behindPast = defineOp<[past: Tensor, x: Tensor, ids: Tensor]>({
  name: "behindPast",
  infer: ([past, x]) => ({ dtype: x.dtype, shape: [past.shape[0]!, "C", x.shape[1]!] }),
  lower(w, [past, x, ids], _, [, type]) {
    const shape = w.node("Concat", [w.node("Shape", [ids]), w.ints([type.shape[1] as number])], { axis: 0 });
    return w.node("Concat", [past, w.node("Reshape", [x, shape])], { axis: 1 });
  },
  vjp: () => [null, null, null],
});

/** Of all [B, count + S, D] the rows `distance` before the last S: [T, D]. */
export const rowsBack = defineOp<[all: Tensor], { distance: number; count: number }>({
  name: "rowsBack",
  infer: ([all]) => ({ dtype: all.dtype, shape: ["T", all.shape[2]!] }),
  lower(w, [all], { distance, count }, [type]) {
    const rows = w.node("Slice", [all, w.ints([count - distance]), w.ints([-distance]), w.ints([1])]);
    return w.node("Reshape", [rows, w.ints([-1, type.shape[2] as number])]);
  },
  vjp: () => [null],
});

/** The last `count` rows of all [B, N, D]: [B, count, D]. */
export const lastRows = defineOp<[all: Tensor], { count: number }>({
  name: "lastRows",
  infer: ([all], { count }) => ({ dtype: all.dtype, shape: [all.shape[0]!, count, all.shape[2]!] }),
  lower: (w, [all], { count }) => w.node("Slice", [all, w.ints([-count]), w.ints([LAST]), w.ints([1])]),
  vjp: () => [null],
});

/**
 * The gated delta rule (models/delta_rule.ts), a token of each sequence after another: q, k [T, H, Dk], v [T, H, G, Dv], decay and
 * beta [T, H, G], behind `past` [B, H, G, Dk, Dv] -> what is read, [T, H, G, Dv]. The memory that is left is its other value.
 */
export const batchDeltaRule = defineOp<
  [q: Tensor, k: Tensor, v: Tensor, decay: Tensor, beta: Tensor, past: Tensor, ids: Tensor]
>({
  name: "batchDeltaRule",
  infer: ([, , v]) => v,
  lower(w, [q, k, v, decay, beta, past, ids], _, [, , vType, , , pastType]) {
    const [, H, G, Dk, Dv] = pastType.shape as [Dim, number, number, number, number];
    const inRows = (x: string, shape: number[]) =>
      w.node("Reshape", [x, w.node("Concat", [w.node("Shape", [ids]), w.ints(shape)], { axis: 0 })]);
    const tokens = [
      inRows(q, [H, 1, 1, Dk]),
      inRows(k, [H, 1, 1, Dk]),
      inRows(v, [H, G, 1, Dv]),
      inRows(w.node("Exp", [decay]), [H, G, 1, 1]),
      inRows(beta, [H, G, 1, 1]),
    ];
    const of = (...shape: Dim[]): TensorType => ({
      dtype: vType.dtype,
      shape: [pastType.shape[0]!, ...shape],
    });
    const types = [
      pastType,
      of(H, 1, 1, Dk),
      of(H, 1, 1, Dk),
      of(H, G, 1, Dv),
      of(H, G, 1, 1),
      of(H, G, 1, 1),
    ];
    const body = w.body(types, (b, names) => {
      const [next, read] = learn(b, names);
      return [
        { value: next, type: pastType },
        { value: read, type: of(H, G, 1, Dv) },
      ];
    });
    const axes = tokens.map(() => 1);
    const attributes = { num_scan_inputs: tokens.length, body, scan_input_axes: axes, scan_output_axes: [1] };
    const [memory, read] = w.nodes("Scan", [past, ...tokens], attributes, 2) as [string, string];
    const flat = w.node("Reshape", [read, w.ints([-1, H, G, Dv])]);
    w.also(flat, [memory]);
    return flat;
  },
  vjp: () => [null, null, null, null, null, null, null],
});

/** One token: from the memory, its query, key, value, what is left and what is learnt, to the next memory and what is read. */
function learn(b: OnnxWriter, [past, q, k, v, left, beta]: string[]): [next: string, read: string] {
  const memory = b.node("Mul", [past!, left!]);
  const news = b.node("Mul", [b.node("Sub", [v!, b.node("MatMul", [k!, memory])]), beta!]); // [B, H, G, 1, Dv]
  const column = b.node("Transpose", [k!], { perm: [0, 1, 2, 4, 3] });
  const next = b.node("Add", [memory, b.node("Mul", [column, news])]);
  return [next, b.node("MatMul", [q!, next])];
}

/** The memory that batchDeltaRule's `read` leaves, like `past`. */
export const memoryBehind = defineOp<[read: Tensor, past: Tensor]>({
  name: "memoryBehind",
  infer: ([, past]) => past,
  lower: (w, [read]) => w.other(read, 0),
  vjp: () => [null, null],
});
