import type { OnnxWriter } from "../onnx/writer.ts";
import { COMPUTE_TYPE, defineOp, ShapeError, show, type Tensor } from "../tensor.ts";

/** Numbers that share a scale (OCP Microscaling Formats 1.0, section 6). */
export const MXFP4_BLOCK = 32;

/** What the codes of E2M1 stand for. */
export const MXFP4_VALUES = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6];

const HALF = MXFP4_BLOCK / 2; // bytes of a block

/** The scale of each exponent: a power of two. 255 is no number; transformers takes it as infinite. */
export const mxfp4Scale = (exponent: number): number => 2 ** (exponent - 127);

/** Both values of a byte: the first stands in its lower half. */
const pairs = Array.from({ length: 256 }, (_, byte) => [MXFP4_VALUES[byte & 15]!, MXFP4_VALUES[byte >> 4]!]);

/**
 * The matrix [out, in] of blocks (uint8 [out, in / 32, 16]) and their exponents (uint8 [out, in / 32]): frozen, without a gradient,
 * made anew wherever it is read.
 */
export const mxfp4Matrix = defineOp<[blocks: Tensor, exponents: Tensor]>({
  name: "mxfp4Matrix",
  decodes: true,
  infer([blocks, exponents]) {
    const [out, count, bytes] = blocks.shape as [number, number, number];
    const wanted = [
      { dtype: "uint8", shape: [out, count, HALF] } as const,
      { dtype: "uint8", shape: [out, count] } as const,
    ];
    if (bytes !== HALF || [blocks, exponents].map(show).join() !== wanted.map(show).join())
      throw new ShapeError("mxfp4Matrix", `${show(blocks)} with ${show(exponents)}`);
    return { dtype: COMPUTE_TYPE, shape: [out, count * MXFP4_BLOCK] };
  },
  lower(w, [blocks, exponents], _, [{ shape }]) {
    const [out, count] = shape as [number, number];
    const places = lookedUp(w, blocks);
    const column = (name: string) => w.node("Reshape", [name, w.ints([-1, 1])]);
    const both = [0, 1].map((half) => column(places(pairs.map((pair) => pair[half]!))));
    const values = w.node("Concat", both, { axis: 1 });
    const grouped = w.node("Reshape", [values, w.ints([out, count, MXFP4_BLOCK])]);
    const powers = Array.from({ length: 256 }, (_, exponent) => Math.fround(mxfp4Scale(exponent)));
    const scales = w.node("Reshape", [lookedUp(w, exponents)(powers), w.ints([out, count, 1])]);
    return w.node("Reshape", [w.node("Mul", [grouped, scales]), w.ints([out, count * MXFP4_BLOCK])]);
  },
  vjp: () => [null, null],
});

/**
 * What each byte stands for in a table of 256 numbers, as a vector. GatherElements does it in a tenth of Gather's time, which copies
 * rows of a size that it doesn't know, but only along a vector.
 */
function lookedUp(w: OnnxWriter, bytes: string) {
  const places = w.node("Reshape", [w.node("Cast", [bytes], { to: INT32 }), w.ints([-1])]);
  return (table: readonly number[]) =>
    w.node("GatherElements", [w.constant(table, { dtype: COMPUTE_TYPE, shape: [256] }), places], { axis: 0 });
}

const INT32 = 6; // TensorProto.DataType
