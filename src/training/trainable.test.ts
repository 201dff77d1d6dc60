import { expect, test } from "vitest";
import { trainable } from "./trainable.ts";

test("a trainable owns its buffer: lending it takes nothing else along", () => {
  const shared = Float32Array.of(1, 2, 3, 4);
  const { data } = trainable("w", [2], shared.subarray(1, 3));
  expect([...data]).toEqual([2, 3]);
  expect(data.buffer.byteLength).toBe(8);
  expect(trainable("w", [4], shared).data).toBe(shared); // alone in its buffer: no copy
});

test("matrices are decayed, vectors are not", () => {
  expect(trainable("w", [2, 1], new Float32Array(2)).decayed).toBe(true);
  expect(trainable("norm", [2], new Float32Array(2)).decayed).toBe(false);
});
