import type { OnnxWriter } from "../onnx/writer.ts";
import { COMPUTE_TYPE, defineOp, ShapeError, show, sizeOf, type Tensor, type TensorType } from "../tensor.ts";

/** How 4-bit codes stand for a matrix: bitsandbytes' layout over the flattened matrix, first code in the high half. */
export interface Layout4bit {
  readonly type: "nf4" | "fp4";
  /** Values that share a scale: 16, 32, 64, 128 or 256. */
  readonly blockSize: number;
  readonly shape: readonly [out: number, inputs: number];
}

type Packed = [codes: Tensor, scales: Tensor];
type Gradients = [x: Tensor, codes: null, scales: null];

/**
 * The matrix [out, in] that 4-bit codes (uint8 [⌈out·in / 2⌉]) and block scales (float32 [⌈out·in / blockSize⌉]) stand
 * for: frozen, without a gradient. `quantizedMatmul` multiplies by it without making it.
 */
export const dequantize4bit = defineOp<Packed, Layout4bit>({
  name: "dequantize4bit",
  decodes: true,
  infer([codes, scales], layout) {
    requirePacked("dequantize4bit", codes, scales, layout);
    return { dtype: COMPUTE_TYPE, shape: layout.shape };
  },
  lower: (w, [codes, scales], layout) =>
    w.node("Reshape", [columns(w, codes, scales, layout, 1), w.ints(layout.shape)]),
  vjp: () => [null, null],
});

/** x [T, in] · Wᵀ for a W that `dequantize4bit` gives: [T, out]. Only x has a gradient. */
export function quantizedMatmul(x: Tensor, weight: Tensor): Tensor {
  if (weight.op !== dequantize4bit.op)
    throw new ShapeError("quantizedMatmul", `${show(weight)} is no 4-bit weight`);
  const [codes, scales] = weight.inputs as Packed;
  return forward(x, codes, scales, weight.attributes as Layout4bit);
}

const forward = defineOp<[x: Tensor, ...Packed], Layout4bit>({
  name: "quantizedMatmul",
  kept: "matrix",
  rowWise: () => "first input",
  infer: ([x, codes, scales], layout) => productType(x, codes, scales, layout, 1),
  lower: productNode,
  vjp: ([, codes, scales], dy, layout): Gradients => [backward(dy, codes, scales, layout), null, null],
});

/** x [T, in] · Wᵀ: [T, out]. */
export function productNode(w: OnnxWriter, names: readonly string[], layout: Layout4bit): string {
  return w.contributed("MatMulBnb4", [...names], bnb4(layout, layout.shape));
}

const backward = defineOp<[dy: Tensor, ...Packed], Layout4bit>({
  name: "quantizedMatmulBackward",
  rowWise: () => "first input",
  infer: ([dy, codes, scales], layout) => productType(dy, codes, scales, layout, 0),
  lower: turnedProductNodes,
  vjp: ([, codes, scales], ddx, layout): Gradients => [forward(ddx, codes, scales, layout), null, null],
});

/**
 * dy [T, out] · W: [T, in]. The CPU's MatMulBnb4 has no such product (it reads `transB: 0` and multiplies by the transpose
 * all the same), but hands W out when it multiplies the identity. Eight columns at a time that costs half of one by one:
 * what comes is [8, out, in / 8], and dy is multiplied by each of the eight. Fewer make the product's transpose dearer:
 * four columns take three times as long to interleave.
 */
export function turnedProductNodes(w: OnnxWriter, names: readonly string[], layout: Layout4bit): string {
  const [dy, codes, scales] = names as [string, string, string];
  const [out, inputs] = layout.shape;
  const step = inputs % 8 === 0 ? 8 : 1;
  const W = w.node("Reshape", [columns(w, codes, scales, layout, step), w.ints([step, out, inputs / step])]);
  const product = w.node("MatMul", [dy, W]); // [step, T, in / step]
  return w.node("Reshape", [w.node("Transpose", [product], { perm: [1, 2, 0] }), w.ints([-1, inputs])]);
}

/** The flattened matrix, read as [out·in / width, width], transposed: [width, out·in / width]. */
function columns(w: OnnxWriter, codes: string, scales: string, layout: Layout4bit, width: number): string {
  const identity = Array.from({ length: width ** 2 }, (_, i) => +(i % (width + 1) === 0));
  const one = w.constant(identity, { dtype: COMPUTE_TYPE, shape: [width, width] });
  return w.contributed(
    "MatMulBnb4",
    [one, codes, scales],
    bnb4(layout, [sizeOf(layout.shape) / width, width]),
  );
}

/** https://github.com/microsoft/onnxruntime/blob/v1.23.0/docs/ContribOperators.md#com.microsoft.MatMulBnb4 */
const bnb4 = ({ type, blockSize }: Layout4bit, [N, K]: readonly [number, number]) => ({
  K,
  N,
  block_size: blockSize,
  quant_type: type === "nf4" ? 1 : 0,
});

function productType(x: Tensor, codes: Tensor, scales: Tensor, layout: Layout4bit, axis: 0 | 1): TensorType {
  requirePacked("quantizedMatmul", codes, scales, layout);
  if (x.dtype !== COMPUTE_TYPE || x.shape.length !== 2 || x.shape[1] !== layout.shape[axis])
    throw new ShapeError("quantizedMatmul", `${show(x)} by ${layout.type} [${layout.shape}], axis ${axis}`);
  return { dtype: COMPUTE_TYPE, shape: [x.shape[0]!, layout.shape[1 - axis]!] };
}

const BLOCK_SIZES = [16, 32, 64, 128, 256]; // MatMulBnb4's

function requirePacked(op: string, codes: TensorType, scales: TensorType, { blockSize, shape }: Layout4bit) {
  const n = sizeOf(shape);
  if (!BLOCK_SIZES.includes(blockSize))
    throw new ShapeError(op, `blocks of ${blockSize}, not ${BLOCK_SIZES}`);
  const bytes = show({ dtype: "uint8", shape: [Math.ceil(n / 2)] });
  const floats = show({ dtype: COMPUTE_TYPE, shape: [Math.ceil(n / blockSize)] });
  if (show(codes) !== bytes || show(scales) !== floats)
    throw new ShapeError(
      op,
      `[${shape}] takes ${bytes} and ${floats}, got ${show(codes)} and ${show(scales)}`,
    );
}

/**
 * The matrix [out, in] of int8 codes times a scale (float32 [out]) for each row: frozen, without a gradient, made anew
 * wherever it is read.
 */
export const dequantizeRows = defineOp<[codes: Tensor, scales: Tensor]>({
  name: "dequantizeRows",
  decodes: true,
  infer([codes, scales]) {
    if (codes.dtype !== "int8" || scales.dtype !== COMPUTE_TYPE || codes.shape.length !== 2)
      throw new ShapeError("dequantizeRows", `${show(codes)} by ${show(scales)}`);
    if (scales.shape.length !== 1 || scales.shape[0] !== codes.shape[0])
      throw new ShapeError("dequantizeRows", `${show(codes)} has other rows than ${show(scales)}`);
    return { dtype: COMPUTE_TYPE, shape: codes.shape };
  },
  lower: (w, names) => w.node("DequantizeLinear", names, { axis: 0 }),
  vjp: () => [null, null],
});

/**
 * The float32 scales [n] that 8-bit codes stand for: map[code] · absmax of its block + offset. Whole blocks may come as
 * codes [blocks, blockSize] (uint8) and absmax [blocks, 1], which takes fewer nodes than codes [n] and absmax [blocks].
 */
export const expandScales = defineOp<
  [codes: Tensor, map: Tensor, absmax: Tensor, offset: Tensor],
  { blockSize: number }
>({
  name: "expandScales",
  infer([codes, map, absmax, offset], { blockSize }) {
    const n = sizeOf(codes.shape);
    const [blocks, whole] = [Math.ceil(n / blockSize), codes.shape.length === 2];
    const floats = (...shape: number[]) => show({ dtype: COMPUTE_TYPE, shape });
    const expected = [
      show({ dtype: "uint8", shape: whole ? [blocks, blockSize] : [n] }),
      floats(256),
      whole ? floats(blocks, 1) : floats(blocks),
    ];
    const found = [codes, map, absmax].map(show);
    if (found.join() !== expected.join() || show(offset) !== floats())
      throw new ShapeError("expandScales", `expected ${expected}, got ${found} and ${show(offset)}`);
    return { dtype: COMPUTE_TYPE, shape: [n] };
  },
  lower(w, [codes, map, absmax, offset], { blockSize }, [{ shape }, , { shape: blocks }]) {
    const places = w.node("Cast", [codes], { to: 6 }); // int32
    const values = w.node("Gather", [map, places], { axis: 0 });
    const scaled = (factors: string) => w.node("Add", [w.node("Mul", [values, factors]), offset]);
    if (shape.length === 2) return w.node("Reshape", [scaled(absmax), w.ints([-1])]);
    const column = w.node("Reshape", [absmax, w.ints([-1, 1])]);
    const each = w.node("Expand", [column, w.ints([blocks[0] as number, blockSize])]);
    const flat = w.node("Reshape", [each, w.ints([-1])]);
    return scaled(w.node("Slice", [flat, w.ints([0]), w.ints([shape[0] as number]), w.ints([0])]));
  },
  vjp: () => [null, null, null, null],
});
