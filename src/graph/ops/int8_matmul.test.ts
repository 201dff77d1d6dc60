import { describe, expect, test } from "vitest";
import { quantize8bit } from "../../quantization/quantize8bit.ts";
import { difference } from "../../testing/difference.ts";
import { evaluate, type Values } from "../../testing/evaluate.ts";
import { uniform } from "../../testing/random.ts";
import { gradients } from "../gradients.ts";
import { onlyRows } from "../passes/only_rows.ts";
import { input, weight } from "../sources.ts";
import { ShapeError, type Tensor } from "../tensor.ts";
import { reachable } from "../walk.ts";
import { mul } from "./elementwise.ts";
import { int8Matmul, int8Weight } from "./int8_matmul.ts";
import { matmul } from "./matmul.ts";
import { sumAll } from "./reduce.ts";

const [T, IN, OUT] = [5, 48, 20];
type Matrix = number[][];

const matrix = (rows: number, columns: number, seed: number): Matrix => {
  const all = uniform(rows * columns, seed);
  return Array.from({ length: rows }, (_, i) => Array.from(all.slice(i * columns, (i + 1) * columns)));
};
const values = (m: Matrix): Values => ({ shape: [m.length, m[0]!.length], data: m.flat() });

/** One column is far larger than the rest, one row is all zeros: what integers are worst at, and what divides by 0. */
const X = matrix(T, IN, 1).map((row, t) => row.map((x, i) => (t === 3 ? 0 : i === 7 ? 30 * x : x)));
const DY = matrix(T, OUT, 2);
/** Outputs of very different sizes, so that their scales matter to the gradient's rounding. */
const W = matrix(OUT, IN, 3).map((row, o) => row.map((w) => w * 10 ** ((o % 5) - 2)));

const packed = quantize8bit(Float32Array.from(W.flat()), OUT);
const scales = packed.absmax.map((max) => max / 127);

const frozen = () =>
  int8Weight(
    weight("w", { dtype: "int8", shape: [OUT, IN] }, { bytes: new Uint8Array(packed.codes.buffer) }),
    weight("w/scales", { dtype: "float32", shape: [OUT] }, { bytes: new Uint8Array(scales.buffer) }),
  );

/** What codes of a row stand for, by the definition: whole multiples of max |x| / 127. */
function rounded(m: Matrix): Matrix {
  return m.map((row) => {
    const scale = Math.max(...row.map(Math.abs)) / 127;
    return row.map((x) => (scale === 0 ? 0 : Math.round(x / scale) * scale));
  });
}
const code = (o: number, i: number) => packed.codes[o * IN + i]!;
const product = (a: Matrix, n: number, b: (k: number, j: number) => number): Matrix =>
  a.map((row) => Array.from({ length: n }, (_, j) => row.reduce((sum, x, k) => sum + x * b(k, j), 0)));
const expectedY = product(rounded(X), OUT, (i, o) => code(o, i) * scales[o]!);
const scaledDy = DY.map((row) => row.map((dy, o) => dy * scales[o]!));
const expectedDx = product(rounded(scaledDy), IN, (o, i) => code(o, i));

const x = () => input("x", ["T", IN]);
const dxOf = (y: Tensor, x: Tensor) => gradients(sumAll(mul(y, input("dy", ["T", OUT]))), [x])[0]!;
const feeds = { x: values(X), dy: values(DY) };

describe("x · Wᵀ in 8 bits", () => {
  test("value and gradient are those of the rounded rows", async () => {
    const a = x();
    const y = int8Matmul(a, frozen());
    const found = await evaluate({ y, dx: dxOf(y, a) }, feeds);
    // A float32 sum of 20 to 48 terms; a code that is off by one would be 100 times this.
    expect(difference(found.y!, values(expectedY), 2e-6)).toBe("");
    expect(difference(found.dx!, values(expectedDx), 2e-6)).toBe("");
  });

  test("they are near those of the weights as they were", async () => {
    const a = x();
    const y = int8Matmul(a, frozen());
    const found = await evaluate({ y, dx: dxOf(y, a) }, feeds);
    const far = (name: "y" | "dx", exact: Matrix) => {
      const off = found[name]!.data.map((v, i) => v - exact.flat()[i]!);
      return Math.hypot(...off) / Math.hypot(...exact.flat());
    };
    const exact = { y: product(X, OUT, (i, o) => W[o]![i]!), dx: product(DY, IN, (o, i) => W[o]![i]!) };
    expect(far("y", exact.y)).toBeLessThan(0.02); // measured 0.008
    expect(far("dx", exact.dx)).toBeLessThan(0.02); // measured 0.006
  });

  test("codes of 16 bits are not cut off in a long sum of the largest values", async () => {
    const n = 256;
    const bytes = new Uint8Array(new Int8Array(2 * n).fill(127).buffer);
    const one = new Uint8Array(Float32Array.from([1, 1]).buffer);
    const W = int8Weight(
      weight("w", { dtype: "int8", shape: [2, n] }, { bytes }),
      weight("s", { dtype: "float32", shape: [2] }, { bytes: one }),
    );
    const y = int8Matmul(input("x", ["T", n]), W);
    const found = await evaluate({ y }, { x: { shape: [1, n], data: Array<number>(n).fill(127) } });
    expect(found.y!.data).toEqual([n * 127 ** 2, n * 127 ** 2]);
  });

  test("whatever else reads the weight gets it in float32", async () => {
    const y = matmul(x(), frozen(), { transB: true });
    const found = await evaluate({ y }, feeds);
    const expected = product(X, OUT, (i, o) => code(o, i) * scales[o]!);
    expect(difference(found.y!, values(expected), 2e-6)).toBe("");
  });

  test("products of one input share its codes", () => {
    const a = x();
    const order = reachable([int8Matmul(a, frozen()), int8Matmul(a, frozen())]);
    expect(order.filter(({ op }) => op.name === "rowCodes")).toHaveLength(1);
  });

  test("where only some rows are read, only they are computed", async () => {
    const indices = input("indices", ["S"], "int64");
    const y = onlyRows(int8Matmul(mul(x(), x()), frozen()), indices);
    expect(y.op.name).toBe("int8Matmul");
    const whole = await evaluate({ y: int8Matmul(mul(x(), x()), frozen()) }, feeds);
    const rows = await evaluate({ y }, { ...feeds, indices: { shape: [2], data: [4, 1] } });
    expect(rows.y!.data).toEqual([4, 1].flatMap((t) => whole.y!.data.slice(t * OUT, (t + 1) * OUT)));
  });
});

describe("shapes", () => {
  const codes = (...shape: number[]) => input("codes", shape, "int8");
  const floats = (...shape: (number | string)[]) => input("floats", shape);
  test.each<[string, () => unknown, RegExp]>([
    ["codes", () => int8Weight(floats(4, 2), floats(4)), /codes are int8 \[out, in\], got float32\[4, 2\]/],
    ["scales", () => int8Weight(codes(4, 2), floats(2)), /expects float32\[4\], got float32\[2\]/],
    ["a plain weight", () => int8Matmul(floats("T", 2), floats(4, 2)), /no int8 weight/],
    [
      "sizes",
      () => int8Matmul(floats("T", 3), int8Weight(codes(4, 2), floats(4))),
      /uint8\[T, 3\] by int8\[4, 2\]/,
    ],
    [
      "rows",
      () => int8Matmul(input("x", ["T", 2], "float64"), int8Weight(codes(4, 2), floats(4))),
      /float32 rows/,
    ],
  ])("%s", (_, write, says) => {
    expect(write).toThrow(ShapeError);
    expect(write).toThrow(says);
  });
});
