import { describe, expect, test } from "vitest";
import { add } from "../ops/elementwise.ts";
import { keep } from "../ops/keep.ts";
import { matmul } from "../ops/matmul.ts";
import { dequantizeRows } from "../ops/quantized_matmul.ts";
import { input, weight } from "../sources.ts";
import type { Tensor } from "../tensor.ts";
import { reachable } from "../walk.ts";
import { recomputed } from "./recompute.ts";

const D = 4;
const weights: Record<string, (name: string) => Tensor> = {
  float32: (name) => weight(name, { dtype: "float32", shape: [D, D] }, { bytes: new Uint8Array(4 * D * D) }),
  int8: (name) =>
    dequantizeRows(
      weight(name, { dtype: "int8", shape: [D, D] }, { bytes: new Uint8Array(D * D) }),
      weight(`${name}/scales`, { dtype: "float32", shape: [D] }, { bytes: new Uint8Array(4 * D) }),
    ),
};

/** Blocks of one product each, on a residual stream. */
function blocks(count: number, type: string) {
  const products: Tensor[] = [];
  let x = input("x", ["T", D]);
  for (let i = 0; i < count; i++) {
    const read = keep(x);
    products.push(matmul(read, weights[type]!(`w${i}`), { transB: true }));
    x = add(read, products[i]!);
  }
  return { order: reachable([x]), products };
}

describe("what of a decoder's blocks is computed again", () => {
  test.each([
    [2, 0],
    [6, 1],
    [11, 1],
    [24, 4],
  ])("of %i blocks over quantized weights the first %i whole, but for what they read", (count, whole) => {
    const { order, products } = blocks(count, "int8");
    const again = recomputed(order);
    expect(products.map(again)).toEqual(products.map((_, i) => i < whole));
    expect(order.filter(({ op }) => op.name === "keep").some(again)).toBe(false);
  });

  test("no product over weights that are not quantized", () => {
    const { order, products } = blocks(24, "float32");
    expect(products.some(recomputed(order))).toBe(false);
  });

  test.each(["float32", "int8"])("as many as asked for, but the last: %s", (type) => {
    const { order, products } = blocks(12, type);
    const whole = (share: number) => products.filter(recomputed(order, share)).length;
    expect([0, 0.5, 1].map(whole)).toEqual([0, 6, 11]);
  });
});
