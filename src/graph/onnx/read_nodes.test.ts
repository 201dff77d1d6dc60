import { expect, test } from "vitest";
import { blockAttention, firstSeen } from "../ops/block_attention.ts";
import { add, mul } from "../ops/elementwise.ts";
import { linearScan } from "../ops/linear_scan.ts";
import { matmul } from "../ops/matmul.ts";
import { input, weight } from "../sources.ts";
import type { DType, Shape } from "../tensor.ts";
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

test("the nodes of a body, which have names of their own", () => {
  const states = (at: string) => {
    const x = input(at, ["T", 2, 2]);
    return linearScan(x, x, { reverse: false });
  };
  const { bytes } = lower({ y: add(blocks("a"), blocks("b")), z: states("c") });
  const bodies = readNodes(bytes).flatMap(({ body }) => (body ? [body] : []));
  expect(bodies).toHaveLength(3);
  const names = bodies.slice(0, 2).flatMap((body) => body.map(({ name }) => name));
  expect(names.filter((name) => name.startsWith("Softmax"))).toHaveLength(2);
  expect(new Set(names).size).toBe(names.length);
});

function blocks(at: string) {
  const of = (name: string, shape: Shape, dtype: DType = "float32") => input(`${at}.${name}`, shape, dtype);
  const sight = { index: of("index", ["T"], "int32"), ends: of("ends", ["T"], "int32") };
  const row = { ...sight, positions: of("positions", ["T"], "int32") };
  const [k, v] = [of("k", ["T", 1, 4]), of("v", ["T", 1, 4])];
  const first = firstSeen(row, 2);
  const { index, ends, positions } = row;
  const q = of("q", ["T", 1, 2, 4]);
  return blockAttention(q, k, v, first, index, ends, positions, undefined, { scale: 1, block: 2 });
}
