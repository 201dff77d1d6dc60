import { expect, test } from "vitest";
import { hash32, randomAt } from "./random.ts";

test("choices depend on the address and nothing else", () => {
  const draw = (...address: (string | number)[]) => {
    const random = randomAt(...address);
    return Array.from({ length: 8 }, () => random.below(1000));
  };
  expect(draw(1, "a", 2)).toEqual(draw(1, "a", 2));
  expect(draw(1, "a", 2)).not.toEqual(draw(1, "a", 3));
  expect(draw(1, "a", 2)).not.toEqual(draw(2, "a", 2));
  expect(draw(1, "a", 2)).not.toEqual(draw(1, "a2"));
});

test("numbers are even over their range, neighbours' first draws too", () => {
  const counts = new Array(10).fill(0);
  for (let i = 0; i < 10_000; i++) counts[randomAt(7, i).below(10)]++;
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150); // 5 standard deviations
});

test("between takes both ends, samples don't repeat", () => {
  const random = randomAt("ends");
  const seen = new Set(Array.from({ length: 200 }, () => random.between(3, 5)));
  expect([...seen].sort()).toEqual([3, 4, 5]);
  const sample = random.sample([1, 2, 3, 4, 5], 5);
  expect(sample.toSorted()).toEqual([1, 2, 3, 4, 5]);
});

test("the hash is a 32-bit whole number that one letter changes", () => {
  expect(hash32("abc")).not.toBe(hash32("abd"));
  expect(hash32("")).toBeGreaterThanOrEqual(0);
  expect(hash32("abc")).toBeLessThan(2 ** 32);
});
