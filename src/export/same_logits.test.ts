import { expect, test } from "vitest";
import { requireSameLogits } from "./same_logits.ts";

const rows = (shift: number) => [Float32Array.of(1, -2, 3), Float32Array.of(2, 2, 2 + shift)];

test("equal logits agree", () => {
  expect(requireSameLogits(rows(0), rows(0), ["F32"], "out")).toEqual({
    maxDifference: 0,
    relativeDifference: 0,
  });
});

test.each([
  ["F32", 5e-5, 5e-4],
  ["F16", 0.01, 0.05],
  ["BF16", 0.1, 0.5],
] as const)("%s allows for its rounding and no more", (dtype, small, large) => {
  expect(requireSameLogits(rows(0), rows(small), ["F32", dtype], "out").maxDifference).toBeCloseTo(small, 6);
  expect(() => requireSameLogits(rows(0), rows(large), ["F32", dtype], "out")).toThrow(/out: .*differ by/);
});

test("what is not a number agrees with nothing", () => {
  for (const dtype of ["F32", "BF16"] as const)
    expect(() => requireSameLogits(rows(0), rows(Number.NaN), [dtype], "out")).toThrow(/differ by NaN/);
});
