import { expect, test } from "vitest";
import { difference } from "../../testing/difference.ts";
import { evaluate, type Values } from "../../testing/evaluate.ts";
import { gradients } from "../gradients.ts";
import { recomputeCheap } from "../passes/recompute.ts";
import { input, weight } from "../sources.ts";
import { linearCrossEntropy } from "./cross_entropy.ts";
import { cast, mul } from "./elementwise.ts";
import { frozenCrossEntropy, headParts } from "./frozen_head.ts";
import { sumAll } from "./reduce.ts";

const [S, D, V] = [4, 6, 23];
const bits = Uint16Array.from(
  { length: V * D },
  (_, i) => 0x3f00 + ((i * 37) % 200) + (i % 3 === 0 ? 0x8000 : 0),
);
const head = () =>
  cast(
    weight("head", { dtype: "bfloat16", shape: [V, D] }, { bytes: new Uint8Array(bits.buffer) }),
    "float32",
  );
const values = (shape: number[], data: number[]): Values => ({ shape, data });
const feeds = {
  hidden: values(
    [S, D],
    Array.from({ length: S * D }, (_, i) => Math.sin(i * 3.1) * 2),
  ),
  targets: values([S], [0, 22, 7, 7]),
  dy: values([S], [1, -0.5, 2, 0.25]),
};

const wide = () => {
  const floats = Float32Array.from({ length: V * D }, (_, i) => Math.sin(i * 1.7));
  return weight("head", { dtype: "float32", shape: [V, D] }, { bytes: new Uint8Array(floats.buffer) });
};

test.each([
  ["cpu", "bfloat16", head],
  ["cpu", "float32", wide],
  ["wasm", "bfloat16", head],
] as const)("in parts as in one: value and gradient, %s, %s", async (device, _, makeHead) => {
  const hidden = input("hidden", ["S", D]);
  const targets = input("targets", ["S"], "int64");
  const weightOf = makeHead();
  const parts = headParts(weightOf, 9)!;
  expect(parts.map(({ shape }) => shape)).toEqual([
    [9, D],
    [9, D],
    [5, D],
  ]);
  const outputs = Object.entries({
    whole: linearCrossEntropy(hidden, weightOf, targets),
    parts: frozenCrossEntropy(hidden, weightOf, parts, targets),
  }).flatMap(([name, y]) => {
    const loss = sumAll(mul(y, input("dy", ["S"])));
    const [dx] = gradients(loss, [hidden], { recompute: recomputeCheap });
    return [[name, y] as const, [`${name} gradient`, dx!] as const];
  });
  const found = await evaluate(Object.fromEntries(outputs), feeds, device);
  expect(difference(found.parts!, found.whole!, 1e-6)).toBe("");
  expect(difference(found["parts gradient"]!, found["whole gradient"]!, 1e-6)).toBe("");
});

test("a head that is small or trained is taken whole", () => {
  expect(headParts(head(), V)).toBeUndefined();
  expect(headParts(input("head", [V, D]), 9)).toBeUndefined();
});
