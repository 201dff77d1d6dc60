import type { OnnxWriter } from "../onnx/writer.ts";
import { COMPUTE_TYPE, defineOp, ShapeError, show, type Tensor, type TensorType } from "../tensor.ts";
import { mul } from "./elementwise.ts";

/**
 * Products in 8-bit integers: x ≈ s_x · (c_x - 128) with a scale for each row, W ≈ s_W · c_W with one for each output, so
 * x · Wᵀ ≈ s_x · s_W · Σ (c_x - 128) · c_W. The sum is an integer and exact; only the codes are rounded, to nearest
 * (Dettmers et al. 2022, https://arxiv.org/abs/2208.07339).
 */
type Packed = [codes: Tensor, scales: Tensor];

/**
 * The matrix [out, in] of codes (int8 [out, in]) times a scale (float32 [out]) for each row: frozen, without a gradient.
 * `int8Matmul` multiplies by its codes; whatever else reads it gets it in float32.
 */
export const int8Weight = defineOp<Packed>({
  name: "int8Weight",
  decodes: true,
  infer([codes, scales]) {
    const [out] = codes.shape;
    if (codes.dtype !== "int8" || codes.shape.length !== 2)
      throw new ShapeError("int8Weight", `codes are int8 [out, in], got ${show(codes)}`);
    requireType("int8Weight", scales, { dtype: COMPUTE_TYPE, shape: [out!] });
    return { dtype: COMPUTE_TYPE, shape: codes.shape };
  },
  lower: (w, names) => w.node("DequantizeLinear", names, { axis: 0 }),
  vjp: () => [null, null],
});

/**
 * x [T, in] · Wᵀ of an `int8Weight`: [T, out]. The gradient by x is dy · W, in 8 bits too; rounding counts as the identity
 * (Bengio et al. 2013, https://arxiv.org/abs/1308.3432).
 */
export function int8Matmul(x: Tensor, weight: Tensor): Tensor {
  if (weight.op !== int8Weight.op) throw new ShapeError("int8Matmul", `${show(weight)} is no int8 weight`);
  const [codes, scales] = weight.inputs as Packed;
  return forward(x, ...rowCodes(x), codes, scales);
}

const forward = defineOp<[x: Tensor, codes: Tensor, rowScales: Tensor, ...Packed]>({
  name: "int8Matmul",
  kept: "matrix",
  rowWise: () => "every input",
  infer: ([x, codes, rowScales, weights, scales]) => {
    const [out] = weights.shape;
    requireType("int8Matmul", scales, { dtype: COMPUTE_TYPE, shape: [out!] });
    requireType("int8Matmul", codes, { dtype: "uint8", shape: x.shape });
    return productType("int8Matmul", codes, rowScales, weights, 1);
  },
  lower(w, [, codes, rowScales, weights, scales]) {
    const turned = w.node("Transpose", [weights], { perm: [1, 0] }); // [in, out]: the product takes no other
    return scaledProduct(w, codes, rowScales, turned, scales);
  },
  vjp: ([, , , weights, scales], dy) => [
    backward(...rowCodes(mul(dy, scales)), weights),
    null,
    null,
    null,
    null,
  ],
});

/** dy [T, out] · W, of the codes of dy times W's scales: a sum over outputs can't take these out. */
const backward = defineOp<[codes: Tensor, rowScales: Tensor, weights: Tensor]>({
  name: "int8MatmulBackward",
  rowWise: () => "every input",
  infer: ([codes, rowScales, weights]) => productType("int8MatmulBackward", codes, rowScales, weights, 0),
  lower: (w, [codes, rowScales, weights]) =>
    scaledProduct(w, codes, rowScales, weights, w.scalar(1, COMPUTE_TYPE)),
  vjp: () => [null, null, null],
});

/** https://github.com/microsoft/onnxruntime/blob/v1.23.0/docs/ContribOperators.md#com.microsoft.MatMulIntegerToFloat */
function scaledProduct(
  w: OnnxWriter,
  codes: string,
  rowScales: string,
  weights: string,
  scales: string,
  zero: number = MIDDLE,
) {
  const product = w.contributed(
    "MatMulIntegerToFloat",
    [codes, weights, w.scalar(1, COMPUTE_TYPE), scales, w.scalar(zero, "uint8")],
    {},
  );
  return w.node("Mul", [product, rowScales]);
}

/**
 * `weights` [S, n], none below 0, times the rows [n, D] of codes (int8) and their scales [n]: [S, D]. The weights times the
 * scales are rounded, row by row, to 255 steps above 0.
 */
export function weightedRows(w: OnnxWriter, weights: string, codes: string, scales: string): string {
  const scaled = w.node("Mul", [weights, scales]);
  const largest = w.node("ReduceMax", [scaled, w.ints([1])], { keepdims: 1 });
  const rowScales = lowerRowScales(w, largest, 1 / 255);
  return scaledProduct(
    w,
    lowerRowCodes(w, scaled, rowScales, 0),
    rowScales,
    codes,
    w.scalar(1, COMPUTE_TYPE),
    0,
  );
}

/** x [T, n] as its codes stand for it: what `int8Matmul` multiplies. Without a gradient. */
export const roundedRows = (x: Tensor): Tensor => roundedRowsOp(...rowCodes(x));

const roundedRowsOp = defineOp<Packed>({
  name: "roundedRows",
  rowWise: () => "every input",
  infer: ([codes]) => ({ dtype: COMPUTE_TYPE, shape: codes.shape }),
  lower(w, [codes, scales]) {
    const scaleOfRow = w.node("Squeeze", [scales, w.ints([1])]);
    return w.node("DequantizeLinear", [codes, scaleOfRow, zeros(w, scaleOfRow, MIDDLE)], { axis: 0 });
  },
  vjp: () => [null, null],
});

/** The code of 0. */
const MIDDLE = 128;

/** x [T, n] in 8 bits: codes 1 to 255 (uint8), and a scale for each row. Products of one input share them. */
function rowCodes(x: Tensor): Packed {
  const known = coded.get(x);
  if (known) return known;
  const scales = rowScalesOp(x);
  const codes: Packed = [rowCodesOp(x, scales), scales];
  coded.set(x, codes);
  return codes;
}

const coded = new WeakMap<Tensor, Packed>();

/** max |x| / 127 of each row: [T, 1]. A row of zeros has one that is not 0. */
const rowScalesOp = defineOp<[x: Tensor]>({
  name: "rowScales",
  rowWise: () => "every input",
  infer([x]) {
    if (x.dtype !== COMPUTE_TYPE || x.shape.length !== 2)
      throw new ShapeError("rowScales", `expects ${COMPUTE_TYPE} rows, got ${show(x)}`);
    return { dtype: COMPUTE_TYPE, shape: [x.shape[0]!, 1] };
  },
  lower(w, [x]) {
    return lowerRowScales(
      w,
      w.node("ReduceMax", [w.node("Abs", [x]), w.ints([1])], { keepdims: 1 }),
      1 / 127,
    );
  },
  vjp: () => [null],
});

function lowerRowScales(w: OnnxWriter, largest: string, step: number): string {
  const scaled = w.node("Mul", [largest, w.scalar(step, COMPUTE_TYPE)]);
  return w.node("Max", [scaled, w.scalar(SMALLEST, COMPUTE_TYPE)]);
}

const SMALLEST = 1e-30; // still a normal number in float32

const rowCodesOp = defineOp<[x: Tensor, scales: Tensor]>({
  name: "rowCodes",
  rowWise: () => "every input",
  infer([x, scales]) {
    requireType("rowCodes", scales, { dtype: COMPUTE_TYPE, shape: [x.shape[0]!, 1] });
    return { dtype: "uint8", shape: x.shape };
  },
  lower: (w, [x, scales]) => lowerRowCodes(w, x, scales, MIDDLE),
  vjp: () => [null, null],
});

function lowerRowCodes(w: OnnxWriter, x: string, scales: string, zero: number): string {
  const scaleOfRow = w.node("Squeeze", [scales, w.ints([1])]);
  return w.node("QuantizeLinear", [x, scaleOfRow, zeros(w, scaleOfRow, zero)], { axis: 0 });
}

/** The code of 0, once for each row. */
const zeros = (w: OnnxWriter, scaleOfRow: string, zero: number) =>
  w.node("Expand", [w.scalar(zero, "uint8"), w.node("Shape", [scaleOfRow])]);

function productType(op: string, codes: Tensor, rowScales: Tensor, weights: Tensor, axis: 0 | 1): TensorType {
  const [T, n] = codes.shape;
  requireType(op, rowScales, { dtype: COMPUTE_TYPE, shape: [T!, 1] });
  if (weights.dtype !== "int8" || weights.shape.length !== 2 || weights.shape[axis] !== n)
    throw new ShapeError(op, `${show(codes)} by ${show(weights)}, axis ${axis}`);
  return { dtype: COMPUTE_TYPE, shape: [T!, weights.shape[1 - axis]!] };
}

function requireType(op: string, found: TensorType, expected: TensorType): void {
  if (show(found) !== show(expected))
    throw new ShapeError(op, `expects ${show(expected)}, got ${show(found)}`);
}
