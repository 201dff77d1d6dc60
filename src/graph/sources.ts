import {
  COMPUTE_TYPE,
  type DType,
  defineOp,
  type Shape,
  ShapeError,
  show,
  sizeOf,
  type Tensor,
  type TensorType,
} from "./tensor.ts";

/** A value fed at every run: a batch, or a trained parameter. */
export interface InputAttributes extends TensorType {
  readonly name: string;
}

/** A file that frozen weights lie in, by its name; on a disk unless it is a Blob. */
export interface WeightFile {
  readonly file: string;
  readonly blob?: Blob;
}

/** Where a frozen weight lies: bytes of a file, which aren't part of the model, or bytes in memory, which are. */
export type WeightSource =
  | (WeightFile & { readonly offset: number; readonly byteLength: number })
  | { readonly bytes: Uint8Array };

/** The same matrix [rows, n] in 8 bits: int8 codes, and the largest magnitude of each row, float32 [rows]. */
export interface RoundedMatrix {
  readonly codes: WeightSource;
  readonly absmax: WeightSource;
}

export interface WeightAttributes extends TensorType {
  readonly name: string;
  readonly source: WeightSource;
  /** For products in integers, where those are wanted; all else reads the weight as it is. */
  readonly rounded?: RoundedMatrix;
}

export interface ConstantAttributes extends TensorType {
  readonly values: readonly number[];
}

export const BYTES: Record<DType, number> = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int8: 1,
  uint8: 1,
  bool: 1,
};

const typeOf = ({ dtype, shape }: TensorType): TensorType => ({ dtype, shape });

const inputOp = defineOp<[], InputAttributes>({
  name: "input",
  infer: (_, a) => typeOf(a),
  lower: (onnx, _, a) => onnx.input(a.name, a),
  vjp: () => [],
});

const weightOp = defineOp<[], WeightAttributes>({
  name: "weight",
  infer(_, a) {
    const [expected, { byteLength }] = [
      sizeOf(a.shape) * BYTES[a.dtype],
      "bytes" in a.source ? a.source.bytes : a.source,
    ];
    if (byteLength !== expected)
      throw new ShapeError(
        "weight",
        `${a.name} is ${show(a)}, ${expected} bytes; its source has ${byteLength}`,
      );
    return typeOf(a);
  },
  lower: (onnx, _, a) => onnx.initializer(a.name, a, a.source),
  vjp: () => [],
});

const constantOp = defineOp<[], ConstantAttributes>({
  name: "constant",
  infer(_, a) {
    if (sizeOf(a.shape) !== a.values.length)
      throw new ShapeError("constant", `${a.values.length} values are no ${show(a)}`);
    if (!/float/.test(a.dtype) && !a.values.every(Number.isInteger))
      throw new ShapeError("constant", `${show(a)} can't hold ${a.values.find((v) => !Number.isInteger(v))}`);
    return typeOf(a);
  },
  lower: (onnx, _, a) => onnx.constant(a.values, a),
  vjp: () => [],
});

export const input = (name: string, shape: Shape, dtype: DType = COMPUTE_TYPE): Tensor =>
  inputOp({ name, shape, dtype });

export const weight = (
  name: string,
  type: TensorType,
  source: WeightSource,
  rounded?: RoundedMatrix,
): Tensor => weightOp({ name, ...typeOf(type), source, ...(rounded && { rounded }) });

export const constant = (values: readonly number[], shape: Shape, dtype: DType = COMPUTE_TYPE): Tensor =>
  constantOp({ values, shape, dtype });

/** A constant of shape [], of the dtype of `like`. */
export const scalar = (value: number, like: TensorType): Tensor => constant([value], [], like.dtype);

export const isInput = (t: Tensor): t is Tensor & { attributes: InputAttributes } => t.op === inputOp.op;

export const isWeight = (t: Tensor): t is Tensor & { attributes: WeightAttributes } => t.op === weightOp.op;
