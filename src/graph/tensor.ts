import type { OnnxWriter } from "./onnx/writer.ts";

export type DType =
  | "float32"
  | "float64"
  | "float16"
  | "bfloat16"
  | "int64"
  | "int32"
  | "int8"
  | "uint8"
  | "bool";

/**
 * The type models are computed in. What is kept in another, files' 16 bits or codes, becomes this where it is read, and
 * what is fed and fetched has it. ONNX Runtime has kernels of its own for it (products, norms, rotations).
 */
export const COMPUTE_TYPE = "float32" satisfies DType;

/** A number, or the name of a size known only when the graph runs: "T" tokens in the row, "S" supervised rows. */
export type Dim = number | string;
export type Shape = readonly Dim[];

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A value of the step graph: what computes it, from what. Immutable; `id` grows with creation, so it is a topological order. */
export interface Tensor extends TensorType {
  readonly id: number;
  readonly op: Op;
  readonly inputs: readonly Tensor[];
  readonly attributes: object;
}

/** Which inputs the rows of an output are made of, each from its own row: of every input that has rows, or of the first alone. */
export type RowWise = "every input" | "first input";

/** What passes over the graph need to know of an op; all may be left out. */
export interface OpTraits<A extends object> {
  /** The output is made row by row. */
  rowWise?(attributes: A): RowWise | undefined;
  /**
   * The backward pass reads the output as it is: always, or where it is a matrix, which is expensive to compute and small to
   * keep. What isn't kept is cheap, and is computed again.
   */
  readonly kept?: "always" | "matrix";
  /** The output holds the input's values in another type. */
  readonly converts?: boolean;
  /** A GPU computes it well near zero only: of integers, the host works it out. */
  readonly roughOnGpu?: boolean;
  /** A GPU has no loops: there its turns are written one by one, for one length of rows. */
  readonly unrolledOnGpu?: boolean;
  /** What it holds beside inputs and output while it is computed, where that is more than a few rows. */
  scratch?(inputs: readonly Tensor[], attributes: A): TensorType[];
  /** The output is the matrix [out, in] that a quantized weight's codes stand for. */
  readonly decodes?: boolean;
}

/**
 * What is known of an op, in one place: its shape rule, its ONNX lowering, its gradient, and its traits.
 * Inputs that may be left out come last: `[x: Tensor, bias?: Tensor]`. `vjp` gets the gradient of the loss by the output and returns one by each input: null says "not differentiable",
 * a forgotten one does not compile. Gradients may keep a broadcast shape: `gradients` sums them down once, for all ops.
 */
export interface OpRules<I extends Inputs, A extends object> extends OpTraits<A> {
  readonly name: string;
  infer(inputs: I, attributes: A): TensorType;
  lower(
    onnx: OnnxWriter,
    names: { [K in keyof I]: string },
    attributes: A,
    inputs: I,
    output: TensorType,
  ): string;
  vjp(inputs: I, dy: Tensor, attributes: A, y: Tensor): { [K in keyof I]: Tensor | null };
}

type Inputs = readonly (Tensor | undefined)[];

// biome-ignore lint/suspicious/noExplicitAny: an op of unknown inputs; its own rules are typed where it is defined
export type Op = OpRules<any, any>;

let nextId = 0;

export function apply(op: Op, inputs: readonly Tensor[], attributes: object): Tensor {
  const { dtype, shape } = op.infer(inputs, attributes);
  return { id: nextId++, op, inputs, attributes, dtype, shape };
}

/** An op as a function of its inputs, and of its attributes when it has any. */
export interface OpFunction<I extends Inputs, A extends object> {
  (...args: [...I, ...(keyof A extends never ? [] : [A])]): Tensor;
  /** What tensors made by it have as their `op`. */
  readonly op: Op;
}

export function defineOp<I extends Inputs, A extends object = Record<never, never>>(
  op: OpRules<I, A>,
): OpFunction<I, A> {
  const call: (...args: (object | undefined)[]) => Tensor = (...args) => {
    const last = args.at(-1);
    const hasAttributes = last !== undefined && !("op" in last);
    const inputs = (hasAttributes ? args.slice(0, -1) : args).filter((input) => input !== undefined);
    return apply(op, inputs as Tensor[], hasAttributes ? last : {});
  };
  return Object.assign(call, { op });
}

export class ShapeError extends Error {
  override name = "ShapeError";
  constructor(op: string, message: string) {
    super(`${op}: ${message}`);
  }
}

export const show = (t: TensorType) => `${t.dtype}[${t.shape.join(", ")}]`;

export const sameShape = (a: Shape, b: Shape) => a.length === b.length && a.every((d, i) => d === b[i]);

/** The shape of an elementwise op over `a` and `b`, by NumPy's rule. */
export function broadcast(op: string, a: TensorType, b: TensorType): Shape {
  const rank = Math.max(a.shape.length, b.shape.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a.shape[i - rank + a.shape.length] ?? 1;
    const y = b.shape[i - rank + b.shape.length] ?? 1;
    if (x !== y && x !== 1 && y !== 1) throw new ShapeError(op, `${show(a)} and ${show(b)} do not broadcast`);
    return x === 1 ? y : x;
  });
}

/** `axis` counted from the front. */
export function frontAxis(op: string, x: TensorType, axis: number): number {
  const front = axis < 0 ? axis + x.shape.length : axis;
  if (front < 0 || front >= x.shape.length) throw new ShapeError(op, `axis ${axis} is outside ${show(x)}`);
  return front;
}

export function requireSameType(op: string, a: TensorType, b: TensorType): void {
  if (a.dtype !== b.dtype) throw new ShapeError(op, `expects one dtype, got ${show(a)} and ${show(b)}`);
}

export function requireFloat(op: string, ...values: readonly TensorType[]): void {
  for (const t of values)
    if (!/float/.test(t.dtype)) throw new ShapeError(op, `expects floating-point numbers, got ${show(t)}`);
}

/** Number of elements of a shape without names. */
export const sizeOf = (shape: Shape) => shape.reduce<number>((n, d) => n * (d as number), 1);
