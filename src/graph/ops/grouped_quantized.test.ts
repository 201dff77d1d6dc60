import { describe, expect, test } from "vitest";
import { difference } from "../../testing/difference.ts";
import { compile, type Values } from "../../testing/evaluate.ts";
import { gradients } from "../gradients.ts";
import { input, weight } from "../sources.ts";
import type { Tensor } from "../tensor.ts";
import { mul } from "./elementwise.ts";
import { groupedMatmul } from "./grouped.ts";
import { expertsMatmul } from "./grouped_quantized.ts";
import { dequantize4bit } from "./quantized_matmul.ts";
import { sumAll } from "./reduce.ts";
import { stackedMatrices } from "./stack.ts";

const SHAPE = [6, 16] as const; // [out, in]
const random = (n: number, seed: number) =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(seed + i * 12.9898));

function matrix(i: number): Tensor {
  const [codes, scales] = [random(48, i).map((x) => Math.abs(x) * 255), random(6, i + 9).map(Math.abs)];
  return dequantize4bit(
    weight(`codes ${i}`, { dtype: "uint8", shape: [48] }, { bytes: Uint8Array.from(codes) }),
    weight(`scales ${i}`, { dtype: "float32", shape: [6] }, { bytes: new Uint8Array(scales.buffer) }),
    { type: "nf4", blockSize: 16, shape: SHAPE },
  );
}

const matrices = [matrix(0), matrix(1), matrix(2)];
const [out, inputs] = SHAPE;

describe("products with the matrices of experts in 4 bits are those with what the codes stand for", () => {
  test.each([
    { counts: [2, 1, 4], turned: true, stacked: false },
    { counts: [2, 1, 4], turned: false, stacked: false },
    { counts: [0, 7, 0], turned: true, stacked: false },
    { counts: [3, 0, 4], turned: false, stacked: true },
    { counts: [3, 0, 4], turned: true, stacked: true },
  ])("$counts, turned $turned, stacked $stacked", async ({ counts, turned, stacked }) => {
    const [from, to] = turned ? [inputs, out] : [out, inputs];
    const [x, dy] = [input("x", ["R", from]), input("dy", ["R", to])];
    const rows = input("counts", [3]);
    const weights = stacked ? [stackedMatrices(...matrices, { turned: true })] : matrices;
    const both = {
      own: expertsMatmul(x, rows, weights, { turned: stacked ? !turned : turned }),
      plain: groupedMatmul(x, rows, ...matrices, { turned }),
    };
    const gradient = (y: Tensor) => gradients(sumAll(mul(y, dy)), [x])[0]!;
    const compiled = await compile({
      ...both,
      "own.grad": gradient(both.own),
      "plain.grad": gradient(both.plain),
    });
    const values = (shape: number[], seed: number): Values => ({
      shape,
      data: [...random(shape[0]! * shape[1]!, seed)],
    });
    const found = await compiled.run({
      x: values([7, from], 1),
      dy: values([7, to], 2),
      counts: { shape: [3], data: counts },
    });
    await compiled.release();
    for (const end of ["", ".grad"])
      expect(difference(found[`own${end}`]!, found[`plain${end}`]!, 1e-6)).toBe("");
    expect(Math.max(...found.own!.data.map(Math.abs))).toBeGreaterThan(0.5);
  });
});

test("a stack by itself holds the matrices, turned where it says so", async () => {
  const [whole, turned] = [false, true].map((isTurned) => stackedMatrices(...matrices, { turned: isTurned }));
  expect([whole!.shape, turned!.shape]).toEqual([
    [3, 6, 16],
    [3, 16, 6],
  ]);
  const compiled = await compile({ whole: whole!, turned: turned!, second: matrices[1]! });
  const found = await compiled.run({});
  await compiled.release();
  const second = found.second!.data;
  expect(found.whole!.data.slice(96, 192)).toEqual(second);
  expect(found.turned!.data.slice(96, 192)).toEqual(
    second.map((_, i) => second[(i % 6) * 16 + Math.floor(i / 6)]!),
  );
});
