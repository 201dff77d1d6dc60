import { type WeightAttributes, type WeightSource, weight } from "../sources.ts";
import { apply, type Op, type Tensor } from "../tensor.ts";
import { add, cast, exp, mul, sub } from "./elementwise.ts";
import { gather } from "./indexing.ts";
import { keep } from "./keep.ts";
import { matmul } from "./matmul.ts";
import { sum } from "./reduce.ts";
import { reshape } from "./shape.ts";

/** Rows of a head that are widened at once. */
const ROWS = 16_384;

/**
 * The rows of a frozen head [V, D] in parts, when its file keeps it in 16 bits and it has more rows than a part: widened
 * whole, a vocabulary of 150,000 tokens takes more memory than a 4-bit model.
 */
export function headParts(head: Tensor, rows: number = ROWS): Tensor[] | undefined {
  const [narrow] = head.inputs;
  if (head.op.name !== "cast" || narrow?.op.name !== "weight") return undefined;
  const { name, dtype, shape, source } = narrow.attributes as WeightAttributes;
  const [V, ...row] = shape as [number, ...number[]];
  if (V <= rows) return undefined;
  return Array.from({ length: Math.ceil(V / rows) }, (_, i) => {
    const [from, to] = [i * rows, Math.min(V, (i + 1) * rows)];
    const part = bytesOf(source, from / V, to / V);
    return cast(weight(`${name} ${from}-${to}`, { dtype, shape: [to - from, ...row] }, part), head.dtype);
  });
}

/** The bytes between two shares of the whole. */
function bytesOf(source: WeightSource, from: number, to: number): WeightSource {
  const length = "bytes" in source ? source.bytes.byteLength : source.byteLength;
  const [start, end] = [Math.round(from * length), Math.round(to * length)];
  if ("bytes" in source) return { bytes: source.bytes.subarray(start, end) };
  return { file: source.file, offset: source.offset + start, byteLength: end - start };
}

/**
 * -log softmax(hidden · headᵀ)[target] of a frozen head in `parts`, each widened for its product and again for its
 * gradient. hidden [S, D], head [V, D], targets [S] (int64) -> [S].
 */
export function frozenCrossEntropy(hidden: Tensor, head: Tensor, parts: Tensor[], targets: Tensor): Tensor {
  const logits = parts.map((part) => matmul(hidden, part, { transB: true })); // [S, V / parts] each
  const normalizer = keep(apply(logSumExp, logits, {})); // [S, 1]
  const rows = gather(head, targets); // [S, D]: the head itself, as an input, would be widened whole
  const own = reshape(sum(mul(hidden, rows), [-1]), [hidden.shape[0]!, 1]); // the targets' logits
  const inputs = [normalizer, own, hidden, rows, targets, ...logits, ...parts];
  return apply(negativeLogLikelihood, inputs, { parts: parts.length });
}

/**
 * log Σ exp over the last axis of all inputs [S, n]: [S, 1]. The largest softmax is exp(0) / Σ exp(x - max), so that is
 * max - log max softmax: the runtime's softmax is ten times as fast as its ReduceLogSumExp.
 */
const logSumExp: Op = {
  name: "logSumExp",
  infer: ([first]: Tensor[]) => ({ dtype: first!.dtype, shape: [first!.shape[0]!, 1] }),
  lower(w, names: string[]) {
    const max = (x: string) => w.node("ReduceMax", [x, w.ints([1])], { keepdims: 1 });
    const each = names.map((x) =>
      w.node("Sub", [max(x), w.node("Log", [max(w.node("Softmax", [x], { axis: 1 }))])]),
    );
    return w.node("ReduceLogSumExp", [w.node("Concat", each, { axis: 1 }), w.ints([1])], { keepdims: 1 });
  },
  vjp: (inputs: Tensor[]) => inputs.map(() => null), // negativeLogLikelihood's goes around it
};

const negativeLogLikelihood: Op = {
  name: "frozenNegativeLogLikelihood",
  infer: ([normalizer, , , , targets]: Tensor[]) => ({ dtype: normalizer!.dtype, shape: targets!.shape }),
  lower: (w, [normalizer, own]: string[]) =>
    w.node("Squeeze", [w.node("Sub", [normalizer!, own!]), w.ints([-1])]),
  // dhidden = dy · (Σ softmax part · head part - head[target])
  vjp([normalizer, , hidden, rows, , ...rest]: Tensor[], dy: Tensor, { parts }: { parts: number }) {
    const shares = rest
      .slice(0, parts)
      .map((logits, i) => matmul(exp(sub(logits, normalizer!)), rest[parts + i]!));
    const expected = shares.reduce((total, share) => add(total, share)); // [S, D]
    const dhidden = mul(sub(expected, rows!), reshape(dy, [hidden!.shape[0]!, 1]));
    return [null, null, dhidden, null, null, ...rest.map(() => null)];
  },
};
