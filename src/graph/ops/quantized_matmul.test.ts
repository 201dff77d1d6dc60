import { beforeAll, describe, expect, test } from "vitest";
import { unpack4bit as dequantized } from "../../quantization/quantize4bit.ts";
import type { Device } from "../../runtime/session.ts";
import { centralDifferences } from "../../testing/central_difference.ts";
import { difference } from "../../testing/difference.ts";
import { compile, type Feeds, type Values } from "../../testing/evaluate.ts";
import { useSwiftShader } from "../../testing/swift_shader.ts";
import { gradients } from "../gradients.ts";
import { input, weight } from "../sources.ts";
import { type DType, ShapeError, type Tensor } from "../tensor.ts";
import { mul } from "./elementwise.ts";
import { matmul } from "./matmul.ts";
import {
  dequantize4bit,
  dequantizeRows,
  expandScales,
  type Layout4bit,
  quantizedMatmul,
} from "./quantized_matmul.ts";
import { sumAll } from "./reduce.ts";

const T = 5;
const random = (n: number, seed: number) =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(seed + i * 12.9898) * 0.7 + Math.cos(i * i) * 0.2);
const randomBytes = (n: number, seed: number) =>
  Uint8Array.from(random(n, seed), (x) => Math.floor(Math.abs(x) * 10_007) % 256);
const frozen = (name: string, dtype: DType, shape: number[], data: Float32Array | Uint8Array | Int8Array) =>
  weight(name, { dtype, shape }, { bytes: new Uint8Array(data.buffer) });
const values = (shape: number[], data: ArrayLike<number>): Values => ({ shape, data: Array.from(data) });

/** y = x·Wᵀ and its gradient by x, with W [out, in] in plain numbers beside it. */
interface Case {
  product(name: string, x: Tensor): Record<string, Tensor>;
  shape: [out: number, inputs: number];
  W: Float32Array;
}

function fourBit(type: Layout4bit["type"], blockSize: number, shape: [number, number]): Case {
  const n = shape[0] * shape[1];
  const packed = {
    codes: randomBytes(Math.ceil(n / 2), n),
    absmax: random(Math.ceil(n / blockSize), n).map(Math.abs),
  };
  return {
    shape,
    W: dequantized(packed, n, { type, blockSize }),
    product(name, x) {
      const codes = frozen(`${name}/codes`, "uint8", [packed.codes.length], packed.codes);
      const scales = frozen(`${name}/absmax`, "float32", [packed.absmax.length], packed.absmax);
      const W = dequantize4bit(codes, scales, { type, blockSize, shape });
      return { y: quantizedMatmul(x, W), W };
    },
  };
}

function eightBit(shape: [number, number]): Case {
  const codes = Int8Array.from(randomBytes(shape[0] * shape[1], 3), (x) => Math.max(-127, x - 128));
  const scales = random(shape[0], 4);
  return {
    shape,
    W: Float32Array.from(codes, (code, i) => code * scales[Math.floor(i / shape[1])]!),
    product(name, x) {
      const W = dequantizeRows(
        frozen(`${name}/codes`, "int8", shape, codes),
        frozen(`${name}/scales`, "float32", [shape[0]], scales),
      );
      return { y: matmul(x, W, { transB: true }), W };
    },
  };
}

const cases = new Map<string, Case>([
  ["nf4 [32, 64]", fourBit("nf4", 64, [32, 64])],
  ["fp4 [32, 64]", fourBit("fp4", 64, [32, 64])],
  ["nf4, blocks across rows", fourBit("nf4", 64, [6, 28])],
  ["nf4, an odd size, a short block", fourBit("nf4", 64, [7, 29])],
  ["fp4, an even size not of four", fourBit("fp4", 64, [9, 22])],
  ["nf4, one value", fourBit("nf4", 64, [1, 1])],
  ["nf4, blocks of 128", fourBit("nf4", 128, [10, 40])],
  ["int8", eightBit([6, 10])],
]);

const scales = { codes: randomBytes(300, 1), map: random(256, 2), absmax: random(2, 3), offset: 0.25 };
const expanded = (blockSize: number) =>
  Float32Array.from(
    scales.codes,
    (code, i) => Math.fround(scales.map[code]! * scales.absmax[Math.floor(i / blockSize)]!) + scales.offset,
  );

function outputsOf(name: string, { product, shape: [out, inputs] }: Case): Record<string, Tensor> {
  const x = input(`${name}/x`, ["T", inputs]);
  const { y, W } = product(name, x);
  const dy = input(`${name}/dy`, ["T", out]);
  const [dx] = gradients(sumAll(mul(y!, dy)), [x]);
  const ddy = gradients(sumAll(mul(dx!, x)), [dy])[0]!; // the gradient's own gradient: x·Wᵀ again
  return { [`${name}/y`]: y!, [`${name}/W`]: W!, [`${name}/dx`]: dx!, [`${name}/ddy`]: ddy };
}

const feeds: Feeds = Object.fromEntries(
  [...cases].flatMap(
    ([
      name,
      {
        shape: [out, inputs],
      },
    ]) => [
      [`${name}/x`, values([T, inputs], random(T * inputs, 5))],
      [`${name}/dy`, values([T, out], random(T * out, 6))],
    ],
  ),
);
const nestedScales = (name: string, blockSize: number, codes: number[], absmax: number[]) =>
  expandScales(
    frozen(`${name}/codes`, "uint8", codes, scales.codes),
    frozen(`${name}/map`, "float32", [256], scales.map),
    frozen(`${name}/absmax`, "float32", absmax, scales.absmax),
    frozen(`${name}/offset`, "float32", [], Float32Array.of(scales.offset)),
    { blockSize },
  );
const allOutputs = (): Record<string, Tensor> => ({
  ...Object.assign({}, ...[...cases].map(([name, one]) => outputsOf(name, one))),
  scales: nestedScales("scales", 256, [300], [2]),
  "scales in whole blocks": nestedScales("whole", 150, [2, 150], [2, 1]),
});

/** a [rows, k] · b [k, columns], in float64. */
function product(
  a: ArrayLike<number>,
  b: (k: number, column: number) => number,
  k: number,
  columns: number,
): number[] {
  return Array.from({ length: (a.length / k) * columns }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < k; j++) sum += a[Math.floor(i / columns) * k + j]! * b(j, i % columns);
    return sum;
  });
}

const missing = useSwiftShader();
const providers: { device: Device; foldConstants?: boolean; missing?: string }[] = [
  { device: "cpu" },
  { device: "cpu", foldConstants: true },
  { device: "wasm" },
  { device: "webgpu", missing },
];

describe.each(providers)(
  "$device, optimized: $foldConstants $missing",
  ({ device, foldConstants, missing = "" }) => {
    let found: Record<string, Values>;
    beforeAll(async () => {
      if (missing) return;
      const compiled = await compile(allOutputs(), device, { foldConstants });
      found = await compiled.run(feeds);
      await compiled.release();
    }, 60_000);

    test.skipIf(missing).each([...cases])("%s", (name, { shape: [out, inputs], W }) => {
      const [x, dy] = [feeds[`${name}/x`]!.data, feeds[`${name}/dy`]!.data];
      const y = product(x, (k, o) => W[o * inputs + k]!, inputs, out);
      const dx = product(dy, (k, i) => W[k * inputs + i]!, out, inputs);
      expect(difference(found[`${name}/W`]!, values([out, inputs], W), 0)).toBe(""); // exact
      expect(difference(found[`${name}/y`]!, values([T, out], y), 1e-6)).toBe("");
      expect(difference(found[`${name}/dx`]!, values([T, inputs], dx), 1e-6)).toBe("");
      expect(difference(found[`${name}/ddy`]!, values([T, out], y), 1e-6)).toBe("");
    });

    test.skipIf(missing)("scales of scales", () => {
      expect(difference(found.scales!, values([300], expanded(256)), 0)).toBe("");
      expect(difference(found["scales in whole blocks"]!, values([300], expanded(150)), 0)).toBe("");
    });
  },
);

// Measured in float32: 2e-5, the rounding of y over the step.
test("gradients by central differences", async () => {
  const names = [...cases.keys()];
  const outputs = allOutputs();
  const forward = await compile(
    Object.fromEntries(names.map((name) => [`${name}/y`, outputs[`${name}/y`]!])),
  );
  const backward = await compile(
    Object.fromEntries(names.map((name) => [`${name}/dx`, outputs[`${name}/dx`]!])),
  );
  const probes = names.map((name) => ({ x: `${name}/x`, y: `${name}/y`, dy: feeds[`${name}/dy`]! }));
  const expected = await centralDifferences(forward.run, feeds, probes, 2 ** -4);
  const found = await backward.run(feeds);
  await Promise.all([forward.release(), backward.release()]);
  names.forEach((name, i) => {
    expect(difference(found[`${name}/dx`]!, expected[i]!, 5e-5), name).toBe("");
  });
}, 60_000);

describe("shapes", () => {
  const layout: Layout4bit = { type: "nf4", blockSize: 64, shape: [8, 16] };
  const codes = (n: number) => input("codes", [n], "uint8");
  const floats = (...shape: (number | string)[]) => input("floats", shape);
  const W = () => dequantize4bit(codes(64), floats(2), layout);

  test.each<[string, () => unknown, RegExp]>([
    [
      "codes",
      () => dequantize4bit(codes(65), floats(2), layout),
      /takes uint8\[64\] and float32\[2\], got uint8\[65\]/,
    ],
    ["scales", () => dequantize4bit(codes(64), floats(3), layout), /got uint8\[64\] and float32\[3\]/],
    ["blocks", () => dequantize4bit(codes(64), floats(2), { ...layout, blockSize: 48 }), /blocks of 48/],
    ["x", () => quantizedMatmul(floats("T", 8), W()), /float32\[T, 8\] by nf4 \[8,16\]/],
    ["a plain weight", () => quantizedMatmul(floats("T", 8), floats(8, 8)), /no 4-bit weight/],
    ["rows", () => dequantizeRows(input("c", [4, 2], "int8"), floats(2)), /other rows/],
    ["int8", () => dequantizeRows(codes(2), floats(2)), /uint8\[2\] by/],
  ])("%s", (_, write, says) => {
    expect(write).toThrow(ShapeError);
    expect(write).toThrow(says);
  });
});
