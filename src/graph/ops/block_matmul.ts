import type { OnnxWriter } from "../onnx/writer.ts";
import { COMPUTE_TYPE, defineOp, ShapeError, show, type Tensor, type TensorType } from "../tensor.ts";

/**
 * A matrix [out, in] whose rows are kept in blocks of 32 codes with a scale each, as GGUF's Q8_0 and Q4_0 have it: an entry is
 * scale · (code - 2^(bits - 1)). Two codes of 4 bits share a byte, the first in the low half.
 */
export interface BlockLayout {
  readonly bits: 4 | 8;
  readonly shape: readonly [out: number, inputs: number];
}

/** Numbers of a row that share a scale. */
export const ROW_BLOCK = 32;

type Packed = [codes: Tensor, scales: Tensor];

/**
 * The matrix [out, in] that codes (uint8 [out, blocks, 4 · bits]) and scales (float32 [out · blocks]) stand for: frozen,
 * without a gradient. `blockMatmul` multiplies by its codes; whatever else reads it gets it in float32.
 */
export const blockWeight = defineOp<Packed, BlockLayout>({
  name: "blockWeight",
  decodes: true,
  infer([codes, scales], layout) {
    requirePacked(codes, scales, layout);
    return { dtype: COMPUTE_TYPE, shape: layout.shape };
  },
  // Multiplied with the identity, in float32: what comes is the transpose.
  lower(w, [codes, scales], layout) {
    const [, inputs] = layout.shape;
    const one = Array.from({ length: inputs ** 2 }, (_, i) => +(i % (inputs + 1) === 0));
    const identity = w.constant(one, { dtype: COMPUTE_TYPE, shape: [inputs, inputs] });
    return w.node("Transpose", [product(w, identity, codes, scales, layout, FLOAT)], { perm: [1, 0] });
  },
  vjp: () => [null, null],
});

/** x [T, in] · Wᵀ of a `blockWeight`: [T, out], with x in 8 bits, block by block, too. It has no gradient: it is for decoding. */
export function blockMatmul(x: Tensor, weight: Tensor): Tensor {
  if (weight.op !== blockWeight.op) throw new ShapeError("blockMatmul", `${show(weight)} is in no blocks`);
  const [codes, scales] = weight.inputs as Packed;
  return blockMatmulOp(x, codes, scales, weight.attributes as BlockLayout);
}

const blockMatmulOp = defineOp<[x: Tensor, ...Packed], BlockLayout>({
  name: "blockMatmul",
  kept: "matrix",
  rowWise: () => "first input",
  infer([x, codes, scales], layout) {
    requirePacked(codes, scales, layout);
    const [out, inputs] = layout.shape;
    if (x.dtype !== COMPUTE_TYPE || x.shape.length !== 2 || x.shape[1] !== inputs)
      throw new ShapeError("blockMatmul", `${show(x)} by a matrix [${layout.shape}]`);
    return { dtype: COMPUTE_TYPE, shape: [x.shape[0]!, out] };
  },
  lower: (w, [x, codes, scales], layout) => product(w, x, codes, scales, layout, INTEGERS),
  vjp() {
    throw new ShapeError("blockMatmul", "it has no gradient");
  },
});

/** MatMulNBits' `accuracy_level`: what products are computed in. */
const FLOAT = 1;
const INTEGERS = 4;

/** https://github.com/microsoft/onnxruntime/blob/v1.23.0/docs/ContribOperators.md#com.microsoft.MatMulNBits */
function product(
  w: OnnxWriter,
  x: string,
  codes: string,
  scales: string,
  { bits, shape: [N, K] }: BlockLayout,
  accuracy_level: number,
): string {
  return w.contributed("MatMulNBits", [x, codes, scales], {
    ...{ K, N, bits },
    block_size: ROW_BLOCK,
    accuracy_level,
  });
}

function requirePacked(codes: TensorType, scales: TensorType, { bits, shape: [out, inputs] }: BlockLayout) {
  const blocks = inputs / ROW_BLOCK;
  const expected = [
    show({ dtype: "uint8", shape: [out, blocks, 4 * bits] }),
    show({ dtype: COMPUTE_TYPE, shape: [out * blocks] }),
  ];
  const found = [codes, scales].map(show);
  if (!Number.isInteger(blocks) || found.join() !== expected.join())
    throw new ShapeError("blockWeight", `[${out}, ${inputs}] takes ${expected}, got ${found}`);
}
