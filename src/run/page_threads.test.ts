import { expect, test } from "vitest";
import { pageThreads } from "./page_threads.ts";

test("WASM gets half of the processor's threads, two where there are two, four at most", () => {
  const given = [1, 2, 3, 4, 6, 8, 64].map((processors) => pageThreads({ device: "wasm" }, processors));
  expect(given).toEqual([1, 2, 2, 2, 3, 4, 4]);
});

test("threads that are asked for are given; a GPU has none", () => {
  expect(pageThreads({ device: "wasm", threads: 3 }, 2)).toBe(3);
  expect(pageThreads({ device: "webgpu" }, 8)).toBeUndefined();
});
