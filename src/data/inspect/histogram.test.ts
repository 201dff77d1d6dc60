import { expect, test } from "vitest";
import { histogram } from "./histogram.ts";

test("every value lies in one bin", () => {
  const { bins, ...rest } = histogram(Array.from({ length: 100 }, (_, i) => i + 1));
  expect(rest).toEqual({ least: 1, most: 100, mean: 50.5, median: 50, p95: 95 });
  expect(bins).toHaveLength(12);
  expect(bins[0]).toEqual({ from: 1, to: 9, count: 9 });
  expect(bins.at(-1)).toEqual({ from: 100, to: 100, count: 1 });
  expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(100);
});

test("one value, and none", () => {
  expect(histogram([7, 7]).bins).toEqual([{ from: 7, to: 7, count: 2 }]);
  expect(histogram([]).mean).toBe(0);
});
