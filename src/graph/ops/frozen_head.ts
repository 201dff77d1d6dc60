import type { OnnxWriter } from "../onnx/writer.ts";
import { isWeight, scalar, type WeightSource, weight } from "../sources.ts";
import { defineOp, type Tensor, type TensorType } from "../tensor.ts";
import { cast, div, exp, mul, scale, sub } from "./elementwise.ts";
import { gather } from "./indexing.ts";
import { int8Matmul, int8Weight, roundedRows, weightedRows } from "./int8_matmul.ts";
import { keep } from "./keep.ts";
import { matmul } from "./matmul.ts";
import { sum } from "./reduce.ts";
import { reshape, slice } from "./shape.ts";

/** Rows of a head that are taken, and widened, at once; in long rows of tokens fewer. */
export const HEAD_ROWS = 8_192;

/**
 * The rows of a frozen head [V, D] in parts, when it has more rows than a part: the logits of a vocabulary of 150,000 tokens,
 * or the head widened whole from 16 bits, take more memory than a 4-bit model.
 */
export function headParts(head: Tensor, rows: number = HEAD_ROWS): Tensor[] | undefined {
  const stored = storedHead(head);
  if (!isWeight(stored)) return undefined;
  const known = divided.get(head)?.get(rows);
  if (known) return known;
  const { name, dtype, shape, source } = stored.attributes;
  const [V, ...row] = shape as [number, ...number[]];
  if (V <= rows) return undefined;
  const parts = eachPart(V, rows, (from, to) => {
    const part = bytesOf(source, from / V, to / V);
    return cast(weight(`${name} ${from}-${to}`, { dtype, shape: [to - from, ...row] }, part), head.dtype);
  });
  divided.set(head, new Map(divided.get(head)).set(rows, parts));
  return parts;
}

/** Parts of heads, by their rows: all graphs of a model read the same. */
const divided = new WeakMap<Tensor, Map<number, Tensor[]>>();

const storedHead = (head: Tensor) => (head.op.converts ? head.inputs[0]! : head); // cast, where its file keeps it in 16 bits

const eachPart = (V: number, rows: number, make: (from: number, to: number) => Tensor) =>
  Array.from({ length: Math.ceil(V / rows) }, (_, i) => make(i * rows, Math.min(V, (i + 1) * rows)));

/** The same as int8 weights, where the head is there in 8 bits, too; however few its rows. */
export function int8HeadParts(head: Tensor, rows: number = HEAD_ROWS): Tensor[] | undefined {
  const stored = storedHead(head);
  if (!isWeight(stored) || !stored.attributes.rounded) return undefined;
  const { name, shape, rounded } = stored.attributes;
  const [V, D] = shape as [number, number];
  return eachPart(V, rows, (from, to) => {
    const part = (of: WeightSource) => bytesOf(of, from / V, to / V);
    const place = `${name} ${from}-${to}`;
    const type = { dtype: "float32", shape: [to - from] } as const;
    const largest = weight(`${place} absmax`, type, part(rounded.absmax));
    const codes = { dtype: "int8", shape: [to - from, D] } as const;
    return int8Weight(weight(`${place} codes`, codes, part(rounded.codes)), scale(largest, 1 / 127));
  });
}

/** The bytes between two shares of the whole. */
function bytesOf(source: WeightSource, from: number, to: number): WeightSource {
  const length = "bytes" in source ? source.bytes.byteLength : source.byteLength;
  const [start, end] = [Math.round(from * length), Math.round(to * length)];
  if ("bytes" in source) return { bytes: source.bytes.subarray(start, end) };
  return { ...source, offset: source.offset + start, byteLength: end - start };
}

/**
 * -log softmax(hidden · headᵀ)[target] of a frozen head in `parts`. hidden [S, D], head [V, D], targets [S] (int64) -> [S].
 *
 * One pass over the head serves value and gradient: what the gradient needs of it, Σ softmax · head row, is summed along
 * with the softmax's denominator (Milakov & Gimelshein 2018, https://arxiv.org/abs/1805.02867; Dao et al. 2022,
 * https://arxiv.org/abs/2205.14135). So each part is widened once, and its logits are needed only there.
 *
 */
export function frozenCrossEntropy(hidden: Tensor, head: Tensor, parts: Tensor[], targets: Tensor): Tensor {
  let sums: Tensor | undefined;
  for (const part of parts) {
    const logits = matmul(hidden, part, { transB: true }); // [S, V / parts]
    sums = absorb(logits, part, sums);
  }
  const rows = gather(head, targets); // [S, D]: the head itself, as an input, would be widened whole
  return negativeLogLikelihood(keep(sums!), rowProducts(hidden, rows), hidden, rows, {
    withoutTargets: false,
  });
}

/**
 * The same of `int8HeadParts`: both products are computed in integers. The targets' logits are of the same rounded rows, so that no
 * loss falls below 0; their rows stay out of the sum, which is rounded to steps of its largest weight: that is theirs, where
 * the model is sure.
 */
export function int8CrossEntropy(hidden: Tensor, head: Tensor, parts: Tensor[], targets: Tensor): Tensor {
  let [sums, from] = [undefined as Tensor | undefined, 0];
  for (const part of parts) {
    const [codes, scales] = part.inputs as [Tensor, Tensor];
    const logits = int8Matmul(hidden, part);
    sums = absorbInIntegers(logits, codes, scales, targets, sums, { from });
    from += part.shape[0] as number;
  }
  const rows = targetRows(head, parts, targets);
  return negativeLogLikelihood(keep(sums!), rowProducts(roundedRows(hidden), rows), hidden, rows, {
    withoutTargets: true,
  });
}

/** The targets' logits [S, 1]. */
const rowProducts = (hidden: Tensor, rows: Tensor) =>
  reshape(sum(mul(hidden, rows), [-1]), [hidden.shape[0]!, 1]);

/** Rows of the head as its codes stand for them. */
function targetRows(head: Tensor, parts: readonly Tensor[], targets: Tensor): Tensor {
  const [whole] = parts.length === 1 ? parts : int8HeadParts(head, head.shape[0] as number)!;
  const [codes, scales] = whole!.inputs as [Tensor, Tensor];
  const each = reshape(gather(scales, targets), [targets.shape[0]!, 1]);
  return mul(cast(gather(codes, targets), head.dtype), each);
}

/**
 * Takes a part's logits [S, n] and rows [n, D] into the sums [S, D + 2] over the parts before: Σ exp(logit - m) · row,
 * Σ exp(logit - m), and m, the largest logit so far.
 */
const absorb = defineOp<[logits: Tensor, part: Tensor, sums?: Tensor]>({
  name: "absorbHeadPart",
  infer: ([logits, part]) => sumsType(logits, part),
  lower: (w, [logits, part, sums], _, [, { shape }]) =>
    absorbed(w, logits, sums, shape[1] as number, (weights) => w.node("MatMul", [weights, part])),
  vjp: () => [null, null, null], // negativeLogLikelihood's goes around it
});

/**
 * The same of a part in 8 bits: codes [n, D] (int8), each row times its scale [n]; `from` is the part's first row in the
 * head. Rows of the targets [S] are not in the sum of rows.
 */
const absorbInIntegers = defineOp<
  [logits: Tensor, codes: Tensor, scales: Tensor, targets: Tensor, sums?: Tensor],
  { from: number }
>({
  name: "absorbInt8HeadPart",
  infer: ([logits, codes]) => sumsType(logits, codes),
  lower(w, [logits, codes, scales, targets, sums], { from }, [, { shape }]) {
    const [n, D] = shape as [number, number];
    return absorbed(w, logits, sums, D, (weights) => {
      const places = w.constant(
        Array.from({ length: n }, (_, i) => i),
        { dtype: "int32", shape: [n] },
      );
      const place = w.node("Cast", [w.node("Sub", [targets, w.scalar(from, "int64")])], { to: INT32 });
      const isTarget = w.node("Equal", [w.node("Unsqueeze", [place, w.ints([-1])]), places]); // [S, n]
      const others = w.node("Where", [isTarget, w.scalar(0, "float32"), weights]);
      return weightedRows(w, others, codes, scales);
    });
  },
  vjp: () => [null, null, null, null, null],
});

const INT32 = 6; // TensorProto.DataType

const sumsType = (logits: Tensor, part: Tensor): TensorType => ({
  dtype: logits.dtype,
  shape: [logits.shape[0]!, (part.shape[1] as number) + 2],
});

/** @param rowsOf weights [S, n] times the part's rows: [S, D] */
function absorbed(
  w: OnnxWriter,
  logits: string,
  sums: string | undefined,
  D: number,
  rowsOf: (weights: string) => string,
): string {
  const largest = w.node("ReduceMax", [logits, w.ints([1])], { keepdims: 1 });
  const [rows, total, before] = sums ? w.nodes("Split", [sums, w.ints([D, 1, 1])], { axis: 1 }, 3) : [];
  const m = before ? w.node("Max", [before, largest]) : largest;
  const weights = w.node("Exp", [w.node("Sub", [logits, m])]); // [S, n]
  const shrink = before && w.node("Exp", [w.node("Sub", [before, m])]);
  const plus = (sum: string | undefined, more: string) =>
    sum ? w.node("Add", [w.node("Mul", [sum, shrink!]), more]) : more;
  const parts = [
    plus(rows, rowsOf(weights)),
    plus(total, w.node("ReduceSum", [weights, w.ints([1])], { keepdims: 1 })),
    m,
  ];
  return w.node("Concat", parts, { axis: 1 });
}

const negativeLogLikelihood = defineOp<
  [sums: Tensor, own: Tensor, hidden: Tensor, rows: Tensor],
  { withoutTargets: boolean }
>({
  name: "frozenNegativeLogLikelihood",
  infer: ([sums]) => ({ dtype: sums.dtype, shape: [sums.shape[0]!] }),
  lower(w, [sums, own], _, [, , hidden]) {
    const D = hidden.shape[1] as number;
    const [, total, m] = w.nodes("Split", [sums, w.ints([D, 1, 1])], { axis: 1 }, 3);
    const normalizer = w.node("Add", [m!, w.node("Log", [total!])]);
    return w.node("Squeeze", [w.node("Sub", [normalizer, own]), w.ints([-1])]);
  },
  // dhidden = dy · (Σ softmax · head row - head[target]); without the targets in the sum, the latter is (1 - softmax) of it.
  vjp([sums, own, hidden, rows], dy, { withoutTargets }) {
    const D = hidden.shape[1] as number;
    const [total, m] = [slice(sums, 1, D, D + 1), slice(sums, 1, D + 1, D + 2)]; // [S, 1]
    const expected = div(slice(sums, 1, 0, D), total); // [S, D]
    const likelihood = withoutTargets && div(exp(sub(own, m)), total);
    const subtracted = likelihood ? mul(rows, sub(scalar(1, likelihood), likelihood)) : rows;
    return [null, null, mul(sub(expected, subtracted), reshape(dy, [hidden.shape[0]!, 1])), null];
  },
});
