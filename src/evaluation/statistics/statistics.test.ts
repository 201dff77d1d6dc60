import { expect, test } from "vitest";
import { ratio } from "../scores/score.ts";
import { bootstrap, type Measured } from "./bootstrap.ts";
import { pairedTest } from "./paired_test.ts";

const rights = (values: readonly number[]): Measured => ({ terms: values.map((v) => [v, 1]), value: ratio });
const alternating = (count: number, right: (i: number) => boolean) =>
  rights(Array.from({ length: count }, (_, i) => Number(right(i))));

test("the interval of a share is the binomial's", () => {
  const [half] = bootstrap([alternating(400, (i) => i % 2 === 0)], 1);
  expect(half!.value).toBe(0.5);
  const error = 1.96 * Math.sqrt(0.25 / 400); // 0.049
  expect(half!.low).toBeGreaterThan(0.5 - 1.25 * error);
  expect(half!.low).toBeLessThan(0.5 - 0.75 * error);
  expect(half!.high - 0.5).toBeCloseTo(0.5 - half!.low, 1);
});

test("the same seed gives the same interval, another one another", () => {
  const score = alternating(997, (i) => i % 3 === 0);
  expect(bootstrap([score], 7)).toEqual(bootstrap([score], 7));
  expect(bootstrap([score], 7)).not.toEqual(bootstrap([score], 8));
});

test("scores of the same rows are drawn together: their difference is paired", () => {
  const base = alternating(60, (i) => i % 4 === 0);
  const better = rights(base.terms.map((row) => Math.min(1, row[0]! + 0.25)));
  const [difference] = bootstrap([base, better], 1, ([a, b]) => [b! - a!]);
  expect(difference!.low).toBeGreaterThan(0.1);
  expect(difference!.value).toBeCloseTo(0.75 * 0.25, 12);
});

test("one row has no interval but itself", () => {
  expect(bootstrap([rights([1])], 1)).toEqual([{ value: 1, low: 1, high: 1 }]);
});

test("the paired test: equal results say nothing, ten wins of ten are as likely as 2 / 1024", () => {
  const zeros = rights(new Array(10).fill(0));
  const ones = rights(new Array(10).fill(1));
  expect(pairedTest(zeros, zeros, 1)).toBe(1);
  const p = pairedTest(zeros, ones, 1);
  expect(p).toBeGreaterThan(0);
  expect(p).toBeLessThan(0.006); // 0.00195 and its error over 2000 trials
  const split = rights([1, 0, 1, 0, 1, 0, 1, 0, 1, 0]);
  const other = rights([0, 1, 0, 1, 0, 1, 0, 1, 0, 1]);
  expect(pairedTest(split, other, 1)).toBe(1);
});
