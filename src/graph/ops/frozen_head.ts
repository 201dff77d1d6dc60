import type { OnnxWriter } from "../onnx/writer.ts";
import { isWeight, type WeightSource, weight } from "../sources.ts";
import { defineOp, type Tensor, type TensorType } from "../tensor.ts";
import { cast, div, mul, scale, sub } from "./elementwise.ts";
import { gather } from "./indexing.ts";
import { int8Matmul, int8Weight, roundedRows, weightedRows } from "./int8_matmul.ts";
import { keep } from "./keep.ts";
import { matmul } from "./matmul.ts";
import { sum } from "./reduce.ts";
import { reshape, slice } from "./shape.ts";

/** Rows of a head that are taken, and widened, at once. */
const ROWS = 8_192;

/**
 * The rows of a frozen head [V, D] in parts, when it has more rows than a part: the logits of a vocabulary of 150,000 tokens,
 * or the head widened whole from 16 bits, take more memory than a 4-bit model. One that is there in 8 bits, too, comes as
 * int8 weights, however few its rows.
 */
export function headParts(head: Tensor, rows: number = ROWS): Tensor[] | undefined {
  const stored = head.op.converts ? head.inputs[0]! : head; // cast, where its file keeps it in 16 bits
  if (!isWeight(stored)) return undefined;
  const known = divided.get(head)?.get(rows);
  if (known) return known;
  const { name, dtype, shape, source, rounded } = stored.attributes;
  const [V, ...row] = shape as [number, ...number[]];
  if (V <= rows && !rounded) return undefined;
  const parts = Array.from({ length: Math.ceil(V / rows) }, (_, i) => {
    const [from, to] = [i * rows, Math.min(V, (i + 1) * rows)];
    const part = (of: WeightSource) => bytesOf(of, from / V, to / V);
    const place = `${name} ${from}-${to}`;
    if (rounded) return int8Rows(place, [to - from, ...row], part(rounded.codes), part(rounded.absmax));
    return cast(weight(place, { dtype, shape: [to - from, ...row] }, part(source)), head.dtype);
  });
  divided.set(head, new Map(divided.get(head)).set(rows, parts));
  return parts;
}

/** Parts of heads, by their rows: all graphs of a model read the same. */
const divided = new WeakMap<Tensor, Map<number, Tensor[]>>();

function int8Rows(name: string, shape: readonly number[], codes: WeightSource, absmax: WeightSource): Tensor {
  const largest = weight(`${name} absmax`, { dtype: "float32", shape: [shape[0]!] }, absmax);
  return int8Weight(weight(`${name} codes`, { dtype: "int8", shape }, codes), scale(largest, 1 / 127));
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
 * Of parts in 8 bits both products are computed in integers; the targets' logits are of the same rounded rows, so that no
 * loss falls below 0 and the gradient of a certain token is 0.
 */
export function frozenCrossEntropy(hidden: Tensor, head: Tensor, parts: Tensor[], targets: Tensor): Tensor {
  const inIntegers = parts[0]!.op === int8Weight.op;
  let sums: Tensor | undefined;
  for (const part of parts)
    sums = inIntegers ? absorbCodes(hidden, part, sums) : absorbRows(hidden, part, sums);
  const rows = inIntegers ? targetRows(head, parts, targets) : gather(head, targets); // [S, D]: a whole head would be widened whole
  const rounded = inIntegers ? roundedRows(hidden) : hidden;
  const own = reshape(sum(mul(rounded, rows), [-1]), [hidden.shape[0]!, 1]); // the targets' logits
  return negativeLogLikelihood(keep(sums!), own, hidden, rows);
}

/** Rows of the head as its codes stand for them. */
function targetRows(head: Tensor, parts: readonly Tensor[], targets: Tensor): Tensor {
  const [whole] = parts.length === 1 ? parts : headParts(head, head.shape[0] as number)!;
  const [codes, scales] = whole!.inputs as [Tensor, Tensor];
  const each = reshape(gather(scales, targets), [targets.shape[0]!, 1]);
  return mul(cast(gather(codes, targets), head.dtype), each);
}

const absorbRows = (hidden: Tensor, part: Tensor, sums?: Tensor) =>
  absorb(matmul(hidden, part, { transB: true }), part, ...(sums ? [sums] : [])); // logits [S, V / parts]

function absorbCodes(hidden: Tensor, part: Tensor, sums?: Tensor): Tensor {
  const [codes, scales] = part.inputs as [Tensor, Tensor];
  return absorbInIntegers(int8Matmul(hidden, part), codes, scales, ...(sums ? [sums] : []));
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

/** The same of a part in 8 bits: codes [n, D] (int8), each row times its scale [n]. */
const absorbInIntegers = defineOp<[logits: Tensor, codes: Tensor, scales: Tensor, sums?: Tensor]>({
  name: "absorbInt8HeadPart",
  infer: ([logits, codes]) => sumsType(logits, codes),
  lower: (w, [logits, codes, scales, sums], _, [, { shape }]) =>
    absorbed(w, logits, sums, shape[1] as number, (weights) => weightedRows(w, weights, codes, scales)),
  vjp: () => [null, null, null, null],
});

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

const negativeLogLikelihood = defineOp<[sums: Tensor, own: Tensor, hidden: Tensor, rows: Tensor]>({
  name: "frozenNegativeLogLikelihood",
  infer: ([sums]) => ({ dtype: sums.dtype, shape: [sums.shape[0]!] }),
  lower(w, [sums, own], _, [, , hidden]) {
    const D = hidden.shape[1] as number;
    const [, total, m] = w.nodes("Split", [sums, w.ints([D, 1, 1])], { axis: 1 }, 3);
    const normalizer = w.node("Add", [m!, w.node("Log", [total!])]);
    return w.node("Squeeze", [w.node("Sub", [normalizer, own]), w.ints([-1])]);
  },
  // dhidden = dy · (Σ softmax · head row - head[target])
  vjp([sums, , hidden, rows], dy) {
    const D = hidden.shape[1] as number;
    const expected = div(slice(sums, 1, 0, D), slice(sums, 1, D, D + 1)); // [S, D]
    return [null, null, mul(sub(expected, rows), reshape(dy, [hidden.shape[0]!, 1])), null];
  },
});
