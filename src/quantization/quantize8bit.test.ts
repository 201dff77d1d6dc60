import { expect, test } from "vitest";
import { dequantize8bit, quantize8bit } from "./quantize8bit.ts";

test("each row has its own scale; ties go to the even code; a row of zeros stays", () => {
  const weights = Float32Array.of(127, -126.5, 0.5, 1.5, 0, 0, 0, 0, -2, 1, 0.5, 2);
  const { codes, absmax } = quantize8bit(weights, 3);
  expect([...codes]).toEqual([127, -126, 0, 2, 0, 0, 0, 0, -127, 64, 32, 127]);
  expect([...absmax]).toEqual([127, 0, 2]);
});

test("no value is off by more than half a step", () => {
  const weights = Float32Array.from({ length: 600 }, (_, i) => Math.sin(i * 7.1) * 0.01 * (1 + (i % 13)));
  const packed = quantize8bit(weights, 6);
  dequantize8bit(packed).forEach((value, i) => {
    const step = packed.absmax[Math.floor(i / 100)]! / 127;
    expect(Math.abs(value - weights[i]!)).toBeLessThan(step * 0.5001);
  });
});
