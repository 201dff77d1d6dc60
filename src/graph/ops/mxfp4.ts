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
    const table = w.constant(pairs.flat(), { dtype: COMPUTE_TYPE, shape: [256, 2] });
    const powers = Array.from({ length: 256 }, (_, exponent) => Math.fround(mxfp4Scale(exponent)));
    const scales = w.constant(powers, { dtype: COMPUTE_TYPE, shape: [256, 1] });
    const places = (codes: string) => w.node("Cast", [codes], { to: INT32 });
    const values = w.node("Gather", [table, places(blocks)], { axis: 0 }); // [out, count, 16, 2]
    const grouped = w.node("Reshape", [values, w.ints([out, count, MXFP4_BLOCK])]);
    const scaled = w.node("Mul", [grouped, w.node("Gather", [scales, places(exponents)], { axis: 0 })]);
    return w.node("Reshape", [scaled, w.ints([out, count * MXFP4_BLOCK])]);
  },
  vjp: () => [null, null],
});

const INT32 = 6; // TensorProto.DataType
