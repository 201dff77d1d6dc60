import { expect, test } from "vitest";
import { figureOf, quotient } from "./interval.ts";

const rows = (count: number, right: number) =>
  Array.from({ length: count }, (_, i) => [Number(i < right), 1]);

test("the figure is the mean of the seeds' own, whatever their number of rows", () => {
  const figure = figureOf([rows(10, 10), rows(100, 50)], quotient);
  expect(figure.value).toBeCloseTo(0.75, 12);
  expect(figure.seeds).toEqual([1, 0.5]);
});

test("the interval of one seed is that of its rows", () => {
  const { low, high } = figureOf([rows(400, 200)], quotient);
  const error = 1.96 * Math.sqrt(0.25 / 400); // 0.049
  expect(low).toBeGreaterThan(0.5 - 1.25 * error);
  expect(low).toBeLessThan(0.5 - 0.75 * error);
  expect(high).toBeGreaterThan(0.5 + 0.75 * error);
});

test("seeds that differ widen it", () => {
  const alike = figureOf([rows(400, 200), rows(400, 200), rows(400, 200)], quotient);
  const apart = figureOf([rows(400, 80), rows(400, 200), rows(400, 320)], quotient);
  expect(apart.value).toBeCloseTo(alike.value, 12);
  expect(apart.high - apart.low).toBeGreaterThan(4 * (alike.high - alike.low));
});

test("terms of a row are drawn together: a difference is paired", () => {
  const both = Array.from({ length: 60 }, (_, i) => [i % 2, (i % 2) + 0.25, 1]);
  const { value, low, high } = figureOf([both], ([a, b, count]) => (b! - a!) / count!);
  expect([value, low, high]).toEqual([0.25, 0.25, 0.25]);
});
