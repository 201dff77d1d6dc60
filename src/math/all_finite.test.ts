import { expect, test } from "vitest";
import { allFinite } from "./all_finite.ts";

test("infinities and NaN aren't finite, the largest numbers, -0 and nothing at all are", () => {
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
    expect(allFinite(Float32Array.of(1, value, -2))).toBe(false);
  expect(allFinite(Float32Array.of(3.4028234e38, -3.4028234e38, -0, 1e-45))).toBe(true);
  expect(allFinite(new Float32Array())).toBe(true);
});
