import { expect, test } from "vitest";
import { quantizeBlocks } from "./quantize_blocks.ts";

const block = (values: readonly number[]) => Float32Array.from({ length: 32 }, (_, i) => values[i] ?? 0);

test("8 bits: the largest magnitude is at 127", () => {
  const { codes, scales } = quantizeBlocks(block([1, -2.54, 0.02]), 8);
  expect(scales).toEqual(Float32Array.of(Math.fround(Math.fround(2.54) / 127)));
  expect([...codes.slice(0, 4)]).toEqual([128 + 50, 1, 128 + 1, 128]);
});

test("4 bits: the number of the largest magnitude is at -8, two codes to a byte, the first in the low half", () => {
  const { codes, scales } = quantizeBlocks(block([0.5, -4, 4, 1]), 4); // of equals the first counts
  expect(scales).toEqual(Float32Array.of(0.5));
  expect([codes[0]! & 15, codes[0]! >> 4, codes[1]! & 15, codes[1]! >> 4]).toEqual([9, 0, 15, 10]);
});

test("a block of zeros stays zero, and each block has its own scale", () => {
  for (const bits of [4, 8] as const) {
    const { codes, scales } = quantizeBlocks(Float32Array.from([...block([]), ...block([3])]), bits);
    expect(scales[0] === 0).toBe(true);
    expect(Math.abs(scales[1]!)).toBeGreaterThan(0);
    expect(codes).toHaveLength((64 * bits) / 8);
    expect(codes[0]).toBe(bits === 8 ? 128 : 0x88);
  }
});
