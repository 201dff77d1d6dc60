import { expect, test } from "vitest";
import { add, exp } from "../ops/elementwise.ts";
import { matmul } from "../ops/matmul.ts";
import { reshape } from "../ops/shape.ts";
import { input } from "../sources.ts";
import { defineOp, type Tensor } from "../tensor.ts";
import { liveBytes } from "./live_bytes.ts";

const sizes = { T: 10, S: 3 };
const x = input("x", ["T", 4]); // 160 bytes a value of this shape
const w = input("w", [4, 4]);

test("what is fed and what is given back isn't counted", () => {
  expect(liveBytes([matmul(x, w)], sizes)).toBe(0);
});

test("outputs that lie inside live to the end", () => {
  const [y, z] = [matmul(x, w), matmul(exp(matmul(x, w)), w)];
  expect(liveBytes([y, z], sizes)).toBe(160);
  expect(liveBytes([y, z], sizes, [y])).toBe(320);
  expect(liveBytes([y, z], sizes, [y, z])).toBe(480);
});

test("a chain holds two values at a time", () => {
  const y = matmul(matmul(matmul(matmul(x, w), w), w), w);
  expect(liveBytes([y], sizes)).toBe(320);
});

test("an element-wise op takes its input's place, a reshape is its input", () => {
  expect(liveBytes([matmul(exp(matmul(x, w)), w)], sizes)).toBe(160);
  expect(liveBytes([matmul(reshape(reshape(matmul(x, w), [4, "T"]), ["T", 4]), w)], sizes)).toBe(160);
});

test("what is read later lives until then", () => {
  const early = matmul(x, w);
  const late = matmul(matmul(matmul(early, w), w), w);
  expect(liveBytes([matmul(add(late, early), w)], sizes)).toBe(480);
});

test("labels have a size of their own", () => {
  const y = input("y", ["S", 4]);
  expect(liveBytes([matmul(matmul(matmul(y, w), w), w)], sizes)).toBe(2 * 3 * 4 * 4);
});

test("what an op holds for itself is alive with its inputs and output", () => {
  const copied = defineOp<[x: Tensor]>({
    name: "copied",
    scratch: ([x]) => [x!, x!],
    infer: ([x]) => x,
    lower: (_, [x]) => x,
    vjp: () => [null],
  });
  expect(liveBytes([matmul(copied(matmul(x, w)), w)], sizes)).toBe(4 * 160);
});
