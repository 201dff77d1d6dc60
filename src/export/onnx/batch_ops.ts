/**
 * What a batch takes beside a model's own ops, which compute one row of T tokens: B sequences of S new tokens each, T = B·S,
 * padded to one length, over N = P + S keys. K key/value heads, G query heads each, E head_dim.
 */
import { HIDDEN } from "../../graph/hidden.ts";
import type { OnnxWriter } from "../../graph/onnx/writer.ts";
import { defineOp, type Tensor } from "../../graph/tensor.ts";

const FLOAT = 1; // TensorProto.DataType
const INT32 = 6;

/** [B, S] -> [T]. */
export const flat = defineOp<[x: Tensor]>({
  name: "flat",
  infer: ([x]) => ({ dtype: x.dtype, shape: ["T"] }),
  lower: (w, [x]) => w.node("Reshape", [x, w.ints([-1])]),
  vjp: () => [null],
});

/** x [T, V] -> [B, S, V], as `ids` [B, S] lie. */
export const byRow = defineOp<[x: Tensor, ids: Tensor]>({
  name: "byRow",
  infer: ([x, ids]) => ({ dtype: x.dtype, shape: [...ids.shape, ...x.shape.slice(1)] }),
  lower: (w, [x, ids], _, [type]) => w.node("Reshape", [x, rowsOf(w, ids, type.shape.slice(1) as number[])]),
  vjp: () => [null, null],
});

/** Keys or values x [T, K, E] -> [B, K, S, E]. */
export const byHead = defineOp<[x: Tensor, ids: Tensor]>({
  name: "byHead",
  infer: ([x, ids]) => ({ dtype: x.dtype, shape: [ids.shape[0]!, x.shape[1]!, ids.shape[1]!, x.shape[2]!] }),
  lower(w, [x, ids], _, [type]) {
    const rows = w.node("Reshape", [x, rowsOf(w, ids, type.shape.slice(1) as number[])]);
    return w.node("Transpose", [rows], { perm: [0, 2, 1, 3] });
  },
  vjp: () => [null, null],
});

/** The sum of each row of `mask` [B, N], for each of its new tokens: int32 [T]. */
export const rowLengths = defineOp<[mask: Tensor, ids: Tensor]>({
  name: "rowLengths",
  infer: () => ({ dtype: "int32", shape: ["T"] }),
  lower(w, [mask, ids]) {
    const sums = w.node("ReduceSum", [mask, w.ints([1])], { keepdims: 1 });
    const each = w.node("Expand", [sums, w.node("Shape", [ids])]);
    return w.node("Cast", [w.node("Reshape", [each, w.ints([-1])])], { to: INT32 });
  },
  vjp: () => [null, null],
});

/** How many tokens come before each new one in its row of `mask` [B, N]: int64 like `ids` [B, S], 0 in the padding. */
export const placesBehind = defineOp<[mask: Tensor, ids: Tensor]>({
  name: "placesBehind",
  infer: ([, ids]) => ids,
  lower(w, [mask, ids]) {
    const counts = w.node("CumSum", [mask, w.constant([1], { dtype: "int64", shape: [] })]);
    const start = w.node("Neg", [w.node("Shape", [ids], { start: 1, end: 2 })]);
    const fresh = w.node("Slice", [counts, start, w.ints([2 ** 31 - 1]), w.ints([1])]);
    return w.node("Max", [w.node("Sub", [fresh, w.ints([1])]), w.ints([0])]);
  },
  vjp: () => [null, null],
});

/**
 * What is added to scores, 0 or -1e30: [B, 1, G·S, N]. A token sees those before it and itself, a `window` of them at most,
 * where `mask` [B, N] isn't 0. Places are counted along the cache, padding included: distances are the same.
 */
export const sight = defineOp<[mask: Tensor, ids: Tensor], { window?: number; groups: number }>({
  name: "sight",
  infer: ([mask], { groups }) => ({
    dtype: "float32",
    shape: [mask.shape[0]!, 1, groups === 1 ? "S" : `${groups}S`, mask.shape[1]!],
  }),
  lower(w, [mask, ids], { window, groups }) {
    const [N, S] = [lengthOf(w, mask), lengthOf(w, ids)];
    const keys = range(w, w.constant([0], { dtype: "int64", shape: [] }), N); // [N]
    const queries = w.node("Unsqueeze", [range(w, w.node("Sub", [N, S]), N), w.ints([1])]); // [S, 1]
    const distance = w.node("Cast", [w.node("Sub", [queries, keys])], { to: FLOAT }); // [S, N]
    const behind = w.node("GreaterOrEqual", [distance, w.scalar(0, "float32")]);
    const near =
      window === undefined
        ? behind
        : w.node("And", [behind, w.node("Less", [distance, w.scalar(window, "float32")])]);
    const there = w.node("Cast", [w.node("Unsqueeze", [mask, w.ints([1, 2])])], { to: 9 }); // [B, 1, 1, N]
    const seen = w.node("And", [there, near]); // [B, 1, S, N]
    const bias = w.node("Where", [seen, w.scalar(0, "float32"), w.scalar(HIDDEN, "float32")]);
    return groups === 1 ? bias : w.node("Concat", Array<string>(groups).fill(bias), { axis: 2 });
  },
  vjp: () => [null, null],
});

/** Softmax attention of q [T, K, G, E] over k and v [B, K, N, E] under `bias` [B, 1, G·S, N], `sinks` [K·G] -> [T, K·G·E]. */
export const batchAttention = defineOp<
  [q: Tensor, k: Tensor, v: Tensor, bias: Tensor, ids: Tensor, sinks?: Tensor],
  { scale: number; softcap?: number }
>({
  name: "batchAttention",
  infer([q]) {
    const [T, K, G, E] = q.shape as [string, number, number, number];
    return { dtype: q.dtype, shape: [T, K * G * E] };
  },
  lower(w, [q, k, v, bias, ids, sinks], { scale, softcap }, [type]) {
    const [, K, G, E] = type.shape as [string, number, number, number];
    const scaled = w.node("Mul", [q, w.scalar(scale, "float32")]); // before the product: halves don't hold large ones
    const rows = w.node("Reshape", [scaled, rowsOf(w, ids, [K, G, E])]); // [B, S, K, G, E]
    const heads = w.node("Transpose", [rows], { perm: [0, 2, 3, 1, 4] });
    const queries = w.node("Reshape", [heads, w.ints([0, 0, -1, E])]); // [B, K, G·S, E]
    const products = w.node("MatMul", [queries, w.node("Transpose", [k], { perm: [0, 1, 3, 2] })]);
    const scores = softcap === undefined ? products : capped(w, products, softcap);
    const seen = w.node("Add", [scores, bias]);
    const weights =
      sinks === undefined
        ? w.node("Softmax", [seen], { axis: -1 })
        : besideSinks(w, seen, { sinks, ids, heads: [K, G] });
    const sums = w.node("MatMul", [weights, v]); // [B, K, G·S, E]
    const apart = w.node("Reshape", [sums, w.ints([0, 0, G, -1, E])]);
    const back = w.node("Transpose", [apart], { perm: [0, 3, 1, 2, 4] }); // [B, S, K, G, E]
    return w.node("Reshape", [back, w.ints([-1, K * G * E])]);
  },
  vjp: (inputs) => inputs.map(() => null) as [null, null, null, null, null],
});

/** Weights of scores [B, K, G·S, N], whose share of 1 is what each head's sink leaves. */
function besideSinks(
  w: OnnxWriter,
  scores: string,
  { sinks, ids, heads: [K, G] }: { sinks: string; ids: string; heads: [number, number] },
): string {
  const [B, S] = [0, 1].map((axis) => w.node("Shape", [ids], { start: axis, end: axis + 1 })) as [
    string,
    string,
  ];
  const each = w.node("Reshape", [sinks, w.ints([1, K, G, 1, 1])]);
  const expanded = w.node("Expand", [
    each,
    w.node("Concat", [B, w.ints([K, G]), S, w.ints([1])], { axis: 0 }),
  ]);
  const column = w.node("Reshape", [expanded, w.ints([0, K, -1, 1])]); // [B, K, G·S, 1]
  const all = w.node("Softmax", [w.node("Concat", [scores, column], { axis: -1 })], { axis: -1 });
  return w.node("Slice", [all, w.ints([0]), w.ints([-1]), w.ints([3])]);
}

const capped = (w: OnnxWriter, x: string, softcap: number) =>
  w.node("Mul", [
    w.node("Tanh", [w.node("Mul", [x, w.scalar(1 / softcap, "float32")])]),
    w.scalar(softcap, "float32"),
  ]);

/** The shape [B, S, ...rest]. */
const rowsOf = (w: OnnxWriter, ids: string, rest: readonly number[]) =>
  w.node("Concat", [w.node("Shape", [ids]), w.ints(rest)], { axis: 0 });

/** The length of the second axis. */
const lengthOf = (w: OnnxWriter, x: string) =>
  w.node("Squeeze", [w.node("Shape", [x], { start: 1, end: 2 }), w.ints([0])]);

const range = (w: OnnxWriter, from: string, to: string) =>
  w.node("Range", [from, to, w.constant([1], { dtype: "int64", shape: [] })]);
