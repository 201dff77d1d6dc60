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
    const scanned = [blocks.chunks(names[0]), ...blocks.sight];
    const body = w.body([blocks.rows, ...blocks.sightTypes], (b, [queries, ...sight]) => {
      const { weights, values, ofLeft } = blocks.attend(b, blocks.toHeads(b, queries!), sight);
      return [{ value: blocks.toRows(b, ofLeft(blocks.product(b, weights, values))), type: blocks.rows }];
    });
    return blocks.whole(w.node("Scan", scanned, { num_scan_inputs: scanned.length, body }));
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
  scratch: (inputs, attributes) => [scores(inputs, attributes, 3), inputs[1]!, inputs[2]!], // sums over blocks move
  infer: ([q]) => q,
  lower(w, names, attributes, [q]) {
    const [queries, , , , , , , dy, y, sinks] = names;
    const blocks = queryBlocks(w, rowNames(names, sinks), q, attributes);
    const { keys, rows, product } = blocks;
    const scanned = [...[queries, dy, y].map(blocks.chunks), ...blocks.sight];
    const types = [keys.type, keys.type, rows, rows, rows, ...blocks.sightTypes];
    const body = w.body(types, (b, [dkBefore, dvBefore, ...block]) => {
      const [q, dy, O] = block.slice(0, 3).map((name) => blocks.toHeads(b, name)) as [string, string, string];
      const seen = blocks.attend(b, q, block.slice(3));
      const dO = seen.ofLeft(dy);
      const dP = product(b, dO, seen.values, { transB: true });
      const centre = b.node("ReduceSum", [b.node("Mul", [dO, O]), b.ints([-1])], { keepdims: 1 });
      const dS = seen.toProducts(b.node("Mul", [seen.weights, b.node("Sub", [dP, centre])]));
      const alpha = attributes.scale;
      const dk = seen.addTo(dkBefore!, product(b, dS, q, { transA: true, alpha }));
      const dv = seen.addTo(dvBefore!, product(b, seen.weights, dO, { transA: true }));
      const dq = blocks.toRows(b, product(b, dS, seen.keys, { alpha }));
      return [
        { value: dk, type: keys.type },
        { value: dv, type: keys.type },
        { value: dq, type: rows },
        ...(seen.left ? [blocks.ofSinks(b, dy, O, seen.left)] : []),
      ];
    });
    const none = w.node("Sub", [keys.name, keys.name]);
    const all = w.nodes(
      "Scan",
      [none, none, ...scanned],
      { num_scan_inputs: scanned.length, body },
      sinks ? 4 : 3,
    );
    const dq = w.node("Reshape", [blocks.whole(all[2]!), w.node("Shape", [queries])]);
    const ofKeys = all.slice(0, 2).map((name) => w.node("Transpose", [name], { perm: [1, 0, 2] }));
    const ofSinks = all.slice(3).map((name) => w.node("ReduceSum", [name, w.ints([0])], { keepdims: 0 }));
    w.also(dq, [...ofKeys, ...ofSinks]);
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
