import { expect, test } from "vitest";
import { halfBits } from "./half.ts";

test("a number is rounded once: by way of float32 it would go to the other neighbour", () => {
  const tie = 1 + 2 ** -11; // between 1 and the next float16, 1 + 2^-10; ties go to 1, which is even
  expect(halfBits(tie)).toBe(0x3c00);
  expect(halfBits(tie + 2 ** -40)).toBe(0x3c01);
  expect(halfBits(Math.fround(tie + 2 ** -40))).toBe(0x3c00);
  const odd = 1 + 3 * 2 ** -11;
  expect(halfBits(odd)).toBe(0x3c02);
  expect(halfBits(odd - 2 ** -40)).toBe(0x3c01);
});

test.each([
  [0, 0],
  [-0, 0x8000],
  [2 ** -24, 1],
  [2 ** -25, 0], // a tie, to even
  [2 ** -25 + 2 ** -70, 1],
  [3 * 2 ** -25, 2],
  [Number.MIN_VALUE, 0],
  [-Number.MIN_VALUE, 0x8000],
  [2 ** -14 - 2 ** -26, 0x0400], // the carry makes it normal
  [65_504, 0x7bff],
  [65_519.999, 0x7bff],
  [65_520, 0x7c00],
  [-1e300, 0xfc00],
  [Number.NEGATIVE_INFINITY, 0xfc00],
  [Number.NaN, 0x7e00],
])("%s is %i", (value, bits) => {
  expect(halfBits(value)).toBe(bits);
});
