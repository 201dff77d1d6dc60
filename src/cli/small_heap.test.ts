import { afterEach, expect, test } from "vitest";
import { keepHeapSmall, letHeapGrow } from "./small_heap.ts";

afterEach(letHeapGrow);

const megabytes = (bytes: number) => bytes / 2 ** 20;

test("what isn't needed any more is freed, and the heap gives its place back", () => {
  let lists: number[][] | undefined = Array.from({ length: 100 }, (_, i) => Array(100_000).fill(i + 0.5));
  const full = process.memoryUsage();
  expect(lists).toHaveLength(100);
  lists = undefined;
  keepHeapSmall();
  const { heapUsed, heapTotal } = process.memoryUsage();
  expect(megabytes(full.heapUsed - heapUsed)).toBeGreaterThan(60); // of 76
  expect(megabytes(full.heapTotal - heapTotal)).toBeGreaterThan(60);
});
