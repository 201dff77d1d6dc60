import { expect, test } from "vitest";
import { cast, cos, equal, mul, where } from "../ops/elementwise.ts";
import { gather } from "../ops/indexing.ts";
import { matmul } from "../ops/matmul.ts";
import { reshape } from "../ops/shape.ts";
import { constant, input, isInput, weight } from "../sources.ts";
import type { Tensor } from "../tensor.ts";
import { reachable } from "../walk.ts";
import { deviceParts } from "./device_part.ts";

const stored = weight("w", { dtype: "bfloat16", shape: [4, 2] }, { bytes: new Uint8Array(16) });
const inputsOf = (outputs: Record<string, Tensor>) =>
  reachable(Object.values(outputs))
    .filter(isInput)
    .map(({ attributes: { name, dtype, shape } }) => `${name} ${dtype}[${shape}]`)
    .sort();

test("16-bit weights become inputs of the type computed in, wherever they are read", () => {
  const W = cast(stored, "float32");
  const rows = gather(W, input("tokens", ["T"], "int64")); // of the stored weight, widened afterwards
  const { device, host, weights } = deviceParts({ y: matmul(rows, W, { transB: true }) });
  expect(inputsOf(device)).toEqual(["tokens int64[T]", "w float32[4,2]"]);
  expect(reachable(Object.values(device)).filter((t) => t.op.converts)).toEqual([]);
  expect(weights.get("w")).toMatchObject({ stored, widened: { dtype: "float32", shape: [4, 2] } });
  expect(host).toEqual({});
});

test("angles are worked out where they are exact, from the positions", () => {
  const positions = cast(input("positions", ["T"], "int32"), "float32");
  const angles = cos(mul(reshape(positions, ["T", 1]), input("x", ["T", 1])));
  const ofIntegers = cos(positions);
  const { device, host } = deviceParts({ y: mul(reshape(ofIntegers, ["T", 1]), angles) });
  expect(Object.values(host)).toEqual([ofIntegers]);
  expect(inputsOf(device)).toEqual(["host 0 float32[T]", "positions int32[T]", "x float32[T,1]"]);
});

test("what the device doesn't read isn't worked out", () => {
  const once = cos(cast(input("positions", ["T"], "int32"), "float32"));
  const twice = cos(once);
  expect(Object.values(deviceParts({ y: twice }).host)).toEqual([twice]);
});

test("a graph that a GPU can compute stays as it is", () => {
  const y = mul(input("x", ["T"]), input("z", ["T"]));
  expect(deviceParts({ y })).toEqual({ device: { y }, host: {}, weights: new Map() });
});

test("integers of 64 bits are compared on the host", () => {
  const tokens = input("tokens", ["T"], "int64");
  const isOne = equal(tokens, constant([1], [1], "int64"));
  const { device, host } = deviceParts({ y: where(isOne, input("a", ["T"]), input("b", ["T"])) });
  expect(Object.values(host)).toEqual([isOne]);
  expect(inputsOf(device)).toEqual(["a float32[T]", "b float32[T]", "host 0 bool[T]"]);
});

test("weights that are halved stay in float16, from whatever type", () => {
  const wide = weight("wide", { dtype: "float32", shape: [4, 2] }, { bytes: new Uint8Array(32) });
  const graph = { y: matmul(cast(wide, "float16"), cast(stored, "float16"), { transB: true }) };
  const { device, weights } = deviceParts(graph, new Set([wide, stored]));
  expect(inputsOf(device)).toEqual(["w float16[4,2]", "wide float16[4,2]"]);
  expect(reachable(Object.values(device)).filter((t) => t.op.converts)).toEqual([]);
  for (const { widened } of weights.values()) expect(widened.dtype).toBe("float16");
});
