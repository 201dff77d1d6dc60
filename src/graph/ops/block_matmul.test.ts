import { describe, expect, test } from "vitest";
import { quantizeBlocks } from "../../quantization/quantize_blocks.ts";
import { evaluate } from "../../testing/evaluate.ts";
import { uniform } from "../../testing/random.ts";
import { gradients } from "../gradients.ts";
import { input, weight } from "../sources.ts";
import { blockMatmul, blockWeight } from "./block_matmul.ts";
import { sumAll } from "./reduce.ts";

const [OUT, IN, T] = [5, 64, 3];
const W = Float32Array.from(uniform(OUT * IN, 1));
const x = { shape: [T, IN], data: uniform(T * IN, 2) };

/** What codes and scales stand for, worked out one by one. */
function valuesOf(bits: 4 | 8): Float32Array {
  const { codes, scales } = quantizeBlocks(W, bits);
  const codeOf = (i: number) => {
    if (bits === 8) return codes[i]! - 128;
    return ((codes[i >> 1]! >> (4 * (i % 2))) & 15) - 8;
  };
  return W.map((_, i) => codeOf(i) * scales[Math.floor(i / 32)]!);
}

function tensorOf(bits: 4 | 8) {
  const { codes, scales } = quantizeBlocks(W, bits);
  return blockWeight(
    weight("codes", { dtype: "uint8", shape: [OUT, IN / 32, 4 * bits] }, { bytes: codes }),
    weight(
      "scales",
      { dtype: "float32", shape: [(OUT * IN) / 32] },
      { bytes: new Uint8Array(scales.buffer) },
    ),
    { bits, shape: [OUT, IN] },
  );
}

describe.each([8, 4] as const)("%i bits", (bits) => {
  test("a weight is what its codes stand for", async () => {
    const { y } = await evaluate({ y: tensorOf(bits) }, {});
    expect(y!.shape).toEqual([OUT, IN]);
    for (const [i, value] of valuesOf(bits).entries()) expect(y!.data[i]).toBeCloseTo(value, 6);
  });

  test("a product is that of its values, but for the rounding of its other side to 8 bits", async () => {
    const { y } = await evaluate({ y: blockMatmul(input("x", ["T", IN]), tensorOf(bits)) }, { x });
    const values = valuesOf(bits);
    let worst = 0;
    for (let t = 0; t < T; t++)
      for (let o = 0; o < OUT; o++) {
        let sum = 0;
        for (let i = 0; i < IN; i++) sum += x.data[t * IN + i]! * values[o * IN + i]!;
        worst = Math.max(worst, Math.abs(y!.data[t * OUT + o]! - sum));
      }
    expect(worst).toBeGreaterThan(0);
    expect(worst).toBeLessThan(0.05); // products reach 10
  });
});

test("it is refused in a graph with gradients, and so are codes of another size", () => {
  const [a] = [input("x", ["T", IN])];
  const y = sumAll(blockMatmul(a, tensorOf(8)));
  expect(() => gradients(y, [a])).toThrow(/blockMatmul: it has no gradient/);
  const codes = input("codes", [OUT, 2, 32], "uint8");
  expect(() => blockWeight(codes, input("s", [OUT]), { bits: 8, shape: [OUT, IN] })).toThrow(/takes uint8/);
  expect(() => blockMatmul(input("x", ["T", 32]), tensorOf(8))).toThrow(/by a matrix \[5,64\]/);
});
