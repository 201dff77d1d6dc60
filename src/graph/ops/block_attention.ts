import { type BlockAttentionAttributes, FAR, queryBlocks, type RowNames } from "../onnx/query_blocks.ts";
import { constant } from "../sources.ts";
import {
  type Dim,
  defineOp,
  requireSameType,
  ShapeError,
  sameShape,
  show,
  type Tensor,
  type TensorType,
} from "../tensor.ts";
import { rowChunks } from "./chunks.ts";
import { and, less, sub, where } from "./elementwise.ts";
import { keep } from "./keep.ts";
import { max } from "./reduce.ts";
import { reshape, slice } from "./shape.ts";

/** int32 vectors [T] of a row: each token's place, the end of its subtree, its position in its sequence. */
export interface RowSight {
  index: Tensor;
  ends: Tensor;
  positions: Tensor;
}

type Row = [q: Tensor, k: Tensor, v: Tensor, first: Tensor, index: Tensor, ends: Tensor, positions: Tensor];
type WithSinks = [...Row, sinks?: Tensor];

/**
 * Attention of a row's tokens over those before them, a block of queries at a time, each over the keys from the first one that
 * any of them sees: what packed sequences hide from each other is not computed, and memory grows with T, not with T². The
 * backward pass computes a block's weights again (Dao et al. 2022, https://arxiv.org/abs/2205.14135).
 * q [T, K, G, E], k and v [T, K, E], `first` of `firstSeen`, `sinks` [K·G] -> [T, K·G·E]. Query i sees key j iff j <= i < ends[j].
 */
export const blockAttention = defineOp<WithSinks, BlockAttentionAttributes>({
  name: "blockAttention",
  unrolledOnGpu: true,
  kept: "matrix",
  scratch: (inputs, attributes) => [scores(inputs, attributes, 2)], // products, and the weights
  infer([q, k, v, first, , , , sinks]) {
    const [T, K, G, E] = q.shape as [Dim, number, number, number];
    for (const t of [k, v]) requireSameType("blockAttention", q, t);
    const own = sameShape(k.shape, [T, K, E]) && sameShape(v.shape, k.shape) && first.shape[1] === 1;
    const fits = own && (!sinks || sameShape(sinks.shape, [K * G]));
    if (!fits)
      throw new ShapeError(
        "blockAttention",
        [q, k, v, first, ...(sinks ? [sinks] : [])].map(show).join(", "),
      );
    return { dtype: q.dtype, shape: [T, K * G * E] };
  },
  lower(w, names, attributes, [q]) {
    const blocks = queryBlocks(w, rowNames(names, names[7]), q, attributes);
    return blocks.eachBlock([names[0]], [], (b, [queries], sight) => {
      const { weights, values, ofLeft } = blocks.attend(b, blocks.toHeads(b, queries!), sight);
      return { row: blocks.toRows(b, ofLeft(blocks.product(b, weights, values))), next: [] };
    }).whole;
  },
  vjp(inputs, dy, attributes, y) {
    const [q, k, v, first, index, ends, positions, sinks] = inputs;
    const dq = blockAttentionGradient(q, k, v, first, index, ends, positions, dy, y, sinks, attributes);
    const others = [k, v, ...(sinks ? [sinks] : [])].map((like, i) => otherValue(dq, like, { index: i }));
    return [dq, ...others.slice(0, 2), null, null, null, null, ...others.slice(2)] as [
      Tensor,
      Tensor,
      Tensor,
      null,
      null,
      null,
      null,
    ];
  },
});

/**
 * dq; dk, dv and the sinks' are its other values. With a block's weights P: dS = P · (dy·vᵀ - Σ dy·y), dv = Pᵀ·dy, dq = dS·k,
 * dk = dSᵀ·q, where those of keys are added up over blocks. With sinks, which leave a share of the weights, dy is that share of it,
 * and theirs is -Σ (1 - share) · Σ dy·y. It has no gradient.
 */
const blockAttentionGradient = defineOp<
  [...Row, dy: Tensor, y: Tensor, sinks?: Tensor],
  BlockAttentionAttributes
>({
  name: "blockAttentionGradient",
  unrolledOnGpu: true,
  scratch: (inputs, attributes) => [scores(inputs, attributes, 3), inputs[1]!, inputs[2]!], // sums over blocks move
  infer: ([q]) => q,
  lower(w, names, attributes, [q]) {
    const [queries, , , , , , , dy, y, sinks] = names;
    const blocks = queryBlocks(w, rowNames(names, sinks), q, attributes);
    const { keys, product } = blocks;
    const none = (name: string, type: TensorType) => ({ name: w.node("Sub", [name, name]), type });
    const ofKeys = none(keys.name, keys.type);
    const { dtype, shape } = q;
    const heads = (shape[1] as number) * (shape[2] as number);
    const carried = [ofKeys, ofKeys, ...(sinks ? [none(sinks, { dtype, shape: [heads] })] : [])];
    const all = blocks.eachBlock(
      [queries, dy, y],
      carried,
      (b, block, sight, [dkBefore, dvBefore, before]) => {
        const [q, dy, O] = block.map((name) => blocks.toHeads(b, name)) as [string, string, string];
        const seen = blocks.attend(b, q, sight);
        const dO = seen.ofLeft(dy);
        const dP = product(b, dO, seen.values, { transB: true });
        const centre = b.node("ReduceSum", [b.node("Mul", [dO, O]), b.ints([-1])], { keepdims: 1 });
        const dS = seen.toProducts(b.node("Mul", [seen.weights, b.node("Sub", [dP, centre])]));
        const alpha = attributes.scale;
        const dk = seen.addTo(dkBefore!, product(b, dS, q, { transA: true, alpha }));
        const dv = seen.addTo(dvBefore!, product(b, seen.weights, dO, { transA: true }));
        const ofSinks = seen.left ? [b.node("Add", [before!, blocks.ofSinks(b, dy, O, seen.left)])] : [];
        return { row: blocks.toRows(b, product(b, dS, seen.keys, { alpha })), next: [dk, dv, ...ofSinks] };
      },
    );
    const dq = w.node("Reshape", [all.whole, w.ints([-1, ...(shape.slice(1) as number[])])]);
    const inRows = all.carried.slice(0, 2).map((name) => w.node("Transpose", [name], { perm: [1, 0, 2] }));
    w.also(dq, [...inRows, ...all.carried.slice(2)]);
    return dq;
  },
  vjp: (inputs) => inputs.map(() => null) as null[] as [null, null, null, null, null, null, null, null, null],
});

/** As many matrices of a block's scores, whose keys are all of the row's at most. */
const scores = ([q]: readonly Tensor[], { block }: BlockAttentionAttributes, count: number): TensorType => {
  const [T, K, G] = q!.shape as [Dim, number, number];
  return { dtype: q!.dtype, shape: [count * K * G * block, T] };
};

const rowNames = (
  [, keys, values, first, index, ends, positions]: readonly (string | undefined)[],
  sinks?: string,
): RowNames => ({ keys, values, first, index, ends, positions, sinks }) as RowNames;

/** Another value of the op that gave x, of the type of `like`. */
const otherValue = defineOp<[x: Tensor, like: Tensor], { index: number }>({
  name: "otherValue",
  infer: ([, like]) => like,
  lower: (w, [x], { index }) => w.other(x, index),
  vjp: () => [null, null],
});

/** Of each block of queries the first key that one of them may see: int32 [T/block, 1]. */
export function firstSeen({ index, ends, positions }: RowSight, block: number, window?: number): Tensor {
  const keys = (t: Tensor) => reshape(t, [1, t.shape[0]!]);
  const number = (value: number) => constant([value], [], "int32");
  const firstQuery = slice(rowChunks(index, { size: block }), 1, 0, 1); // [T/block, 1]
  let seen = less(firstQuery, keys(ends)); // [T/block, T]
  if (window !== undefined) {
    const least = sub(number(0), max(sub(number(0), rowChunks(positions, { size: block })), [1]));
    seen = and(seen, less(sub(least, number(window)), keys(positions)));
  }
  const ahead = where(seen, sub(number(FAR), keys(index)), number(0));
  return keep(sub(number(FAR), max(ahead, [1])));
}
