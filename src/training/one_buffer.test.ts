import { expect, test } from "vitest";
import { inOneBuffer } from "./one_buffer.ts";

test("small arrays lie in one buffer, each at a cache line, with their values", () => {
  const arrays = [
    Float32Array.of(1, 2, 3),
    new Float32Array(0),
    Float32Array.from({ length: 17 }, (_, i) => i),
  ];
  const parts = inOneBuffer(arrays);
  expect(parts).toEqual(arrays);
  expect(new Set(parts.map(({ buffer }) => buffer)).size).toBe(1);
  expect(parts.map(({ byteOffset }) => byteOffset % 64)).toEqual([0, 0, 0]);
  parts[0]![0] = 5;
  expect(arrays[0]![0]).toBe(1);
  expect(parts[2]![0]).toBe(0);
});

test("large ones stay where they are", () => {
  const arrays = [new Float32Array(5e6), new Float32Array(1)];
  const parts = inOneBuffer(arrays);
  expect(parts.map((part, i) => part === arrays[i])).toEqual([true, true]);
});
