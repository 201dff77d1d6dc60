import { isWeight, type WeightSource, weight } from "../sources.ts";
import { defineOp, type Tensor } from "../tensor.ts";
import { cast, div, mul, sub } from "./elementwise.ts";
import { gather } from "./indexing.ts";
import { keep } from "./keep.ts";
import { matmul } from "./matmul.ts";
import { sum } from "./reduce.ts";
import { reshape, slice } from "./shape.ts";

/** Rows of a head that are taken, and widened, at once. */
const ROWS = 8_192;

/**
 * The rows of a frozen head [V, D] in parts, when it has more rows than a part: the logits of a vocabulary of 150,000 tokens,
 * or the head widened whole from 16 bits, take more memory than a 4-bit model.
 */
export function headParts(head: Tensor, rows: number = ROWS): Tensor[] | undefined {
  const stored = head.op.converts ? head.inputs[0]! : head; // cast, where its file keeps it in 16 bits
  if (!isWeight(stored)) return undefined;
  const known = divided.get(head)?.get(rows);
  if (known) return known;
  const { name, dtype, shape, source } = stored.attributes;
  const [V, ...row] = shape as [number, ...number[]];
  if (V <= rows) return undefined;
  const parts = Array.from({ length: Math.ceil(V / rows) }, (_, i) => {
    const [from, to] = [i * rows, Math.min(V, (i + 1) * rows)];
    const part = bytesOf(source, from / V, to / V);
    return cast(weight(`${name} ${from}-${to}`, { dtype, shape: [to - from, ...row] }, part), head.dtype);
  });
  divided.set(head, new Map(divided.get(head)).set(rows, parts));
  return parts;
}

/** Parts of heads, by their rows: all graphs of a model read the same. */
const divided = new WeakMap<Tensor, Map<number, Tensor[]>>();

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
 */
export function frozenCrossEntropy(hidden: Tensor, head: Tensor, parts: Tensor[], targets: Tensor): Tensor {
  let sums: Tensor | undefined;
  for (const part of parts) {
    const logits = matmul(hidden, part, { transB: true }); // [S, V / parts]
    sums = absorb(logits, part, sums);
  }
  const rows = gather(head, targets); // [S, D]: the head itself, as an input, would be widened whole
  const own = reshape(sum(mul(hidden, rows), [-1]), [hidden.shape[0]!, 1]); // the targets' logits
  return negativeLogLikelihood(keep(sums!), own, hidden, rows);
}

/**
 * Takes a part's logits [S, n] and rows [n, D] into the sums [S, D + 2] over the parts before: Σ exp(logit - m) · row,
 * Σ exp(logit - m), and m, the largest logit so far.
 */
const absorb = defineOp<[logits: Tensor, part: Tensor, sums?: Tensor]>({
  name: "absorbHeadPart",
  infer: ([logits, part]) => ({
    dtype: logits.dtype,
    shape: [logits.shape[0]!, (part.shape[1] as number) + 2],
  }),
  lower(w, [logits, part, sums], _, [, rowsOfPart]) {
    const D = rowsOfPart.shape[1] as number;
    const largest = w.node("ReduceMax", [logits, w.ints([1])], { keepdims: 1 });
    const [rows, total, before] = sums ? w.nodes("Split", [sums, w.ints([D, 1, 1])], { axis: 1 }, 3) : [];
    const m = before ? w.node("Max", [before, largest]) : largest;
    const weights = w.node("Exp", [w.node("Sub", [logits, m])]); // [S, n]
    const shrink = before && w.node("Exp", [w.node("Sub", [before, m])]);
    const plus = (sum: string | undefined, more: string) =>
      sum ? w.node("Add", [w.node("Mul", [sum, shrink!]), more]) : more;
    return w.node(
      "Concat",
      [
        plus(rows, w.node("MatMul", [weights, part])),
        plus(total, w.node("ReduceSum", [weights, w.ints([1])], { keepdims: 1 })),
        m,
      ],
      { axis: 1 },
    );
  },
  vjp: () => [null, null, null], // negativeLogLikelihood's goes around it
});

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
