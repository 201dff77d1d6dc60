import { isWeight, type WeightAttributes, weight } from "../sources.ts";
import { COMPUTE_TYPE, defineOp, ShapeError, show, type Tensor } from "../tensor.ts";
import { cast } from "./elementwise.ts";
import { groupedMatmul, groupsOf } from "./grouped.ts";
import { dequantize4bit, type Layout4bit, productNode, turnedProductNodes } from "./quantized_matmul.ts";
import { stackedMatrices } from "./stack.ts";

/** See `groupedMatmul`. */
interface Turned {
  turned: boolean;
}

/** `groupedMatmul` of whatever keeps the matrices: those of one tensor one by one, those in 4 bits by their codes. */
export function expertsMatmul(
  x: Tensor,
  counts: Tensor,
  weights: readonly Tensor[],
  { turned }: Turned,
): Tensor {
  const [first] = weights as [Tensor];
  if (first.op === stackedMatrices.op) {
    const { turned: isTurned } = first.attributes as Turned;
    return expertsMatmul(x, counts, first.inputs, { turned: turned !== isTurned });
  }
  if (isStoredStack(first)) return groupedMatmul(x, counts, ...storedMatrices(first), { turned });
  if (!weights.every(({ op }) => op === dequantize4bit.op))
    return groupedMatmul(x, counts, ...weights, { turned });
  const layout = first.attributes as Layout4bit;
  return groupedProduct(x, counts, ...weights.flatMap(({ inputs }) => inputs), { ...layout, turned });
}

/** A frozen tensor with the matrices of all experts, which would be widened at once. */
const isStoredStack = ({ op, shape, inputs }: Tensor): boolean =>
  op.converts === true && shape.length === 3 && isWeight(inputs[0]!);

/** Each matrix widened by itself: memory holds one at a time. */
function storedMatrices({ inputs, dtype }: Tensor): Tensor[] {
  const { name, shape, source, ...type } = (inputs[0] as Tensor & { attributes: WeightAttributes })
    .attributes;
  const [n, ...matrix] = shape as [number, ...number[]];
  const whole = "bytes" in source ? source.bytes.length : source.byteLength;
  const size = whole / n;
  return Array.from({ length: n }, (_, i) => {
    const own =
      "bytes" in source
        ? { bytes: source.bytes.subarray(i * size, (i + 1) * size) }
        : { ...source, offset: source.offset + i * size, byteLength: size };
    return cast(weight(`${name} ${i}`, { dtype: type.dtype, shape: matrix }, own), dtype);
  });
}

type Packed = [x: Tensor, counts: Tensor, ...codesAndScales: Tensor[]];

const groupedProduct = defineOp<Packed, Layout4bit & Turned>({
  name: "groupedQuantizedMatmul",
  kept: "matrix",
  infer([x, counts, ...packed], { shape, turned }) {
    const [out, inputs] = turned ? shape : shape.toReversed();
    if (
      x.dtype !== COMPUTE_TYPE ||
      x.shape[1] !== inputs ||
      packed.length !== 2 * (counts.shape[0] as number)
    )
      throw new ShapeError("groupedQuantizedMatmul", `${show(x)}, ${show(counts)}, matrices [${shape}]`);
    return { dtype: x.dtype, shape: [x.shape[0]!, out!] };
  },
  lower(w, [x, counts, ...packed], layout) {
    const product = layout.turned ? productNode : turnedProductNodes;
    const parts = groupsOf(w, x, counts, packed.length / 2);
    const products = parts.map((part, i) => product(w, [part, packed[2 * i]!, packed[2 * i + 1]!], layout));
    return products.length === 1 ? products[0]! : w.node("Concat", products, { axis: 0 });
  },
  vjp: ([, counts, ...packed], dy, layout): [Tensor, null, ...null[]] => [
    groupedProduct(dy, counts, ...packed, { ...layout, turned: !layout.turned }),
    null,
    ...packed.map(() => null),
  ],
});
