import { expect, test } from "vitest";
import { add, mul } from "../ops/elementwise.ts";
import { matmul } from "../ops/matmul.ts";
import { input, weight } from "../sources.ts";
import { lower } from "./lower.ts";
import { readNodes } from "./read_nodes.ts";

test("nodes as they were written: names, inputs and outputs", () => {
  const x = input("x", ["T", 2]);
  const bytes = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
  const W = weight("layers.0.weight", { dtype: "float32", shape: [2, 2] }, { bytes });
  const { bytes: model } = lower({ y: add(mul(x, x), matmul(x, W, { transB: true, alpha: 0.5 })) });
  const nodes = readNodes(model);
  expect(nodes.map(({ name }) => name.replace(/\/.*/, "")).sort()).toEqual(["Addy", "FusedMatMul", "Mul"]);
  const of = (type: string) => nodes.find(({ name }) => name.startsWith(type))!;
  expect(of("FusedMatMul").inputs).toEqual(["x", "layers.0.weight"]);
  expect(of("Add").inputs).toEqual([of("Mul").outputs[0], of("FusedMatMul").outputs[0]]);
  expect(of("Add").outputs).toEqual(["y"]);
});
