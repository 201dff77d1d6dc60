import { expect, test } from "vitest";
import { compile } from "../../testing/evaluate.ts";
import { profileKernels } from "../../testing/profile_kernels.ts";
import { lower } from "../onnx/lower.ts";
import { add, cast, exp, mul, neg, sigmoid, tanh } from "../ops/elementwise.ts";
import { matmul } from "../ops/matmul.ts";
import { input, weight } from "../sources.ts";
import { apply, type Tensor } from "../tensor.ts";
import { reachable } from "../walk.ts";
import { schedule } from "./schedule.ts";

const D = 2;
const stored = (name: string) =>
  weight(name, { dtype: "bfloat16", shape: [D, D] }, { bytes: new Uint8Array(2 * D * D) });

/** Two layers over weights kept in 16 bits, and something else that is read from the first. */
function graph() {
  const x = input("x", ["T", D]);
  const first = tanh(matmul(x, cast(stored("w1"), "float32")));
  const second = exp(matmul(first, cast(stored("w2"), "float32")));
  return { deep: mul(second, sigmoid(first)), shallow: neg(first) };
}

/** The same graph, each value made in another order: the last first where nothing stands against it. */
function remade(outputs: Record<string, Tensor>): Record<string, Tensor> {
  const copies = new Map<Tensor, Tensor>();
  const copy = (t: Tensor): Tensor => {
    const known = copies.get(t);
    if (known) return known;
    const inputs = [...t.inputs].reverse().map(copy).reverse();
    const made = t.inputs.length ? apply(t.op, inputs, t.attributes) : t;
    copies.set(t, made);
    return made;
  };
  return Object.fromEntries(
    Object.entries(outputs)
      .reverse()
      .map(([name, t]) => [name, copy(t)] as const)
      .reverse(),
  );
}

const kinds = (order: readonly Tensor[]) => order.map(({ op }) => op.name);

test("it depends on the graph, not on the order in which that was made", () => {
  const again = remade(graph());
  expect(kinds(reachable(Object.values(again)))).not.toEqual(kinds(reachable(Object.values(graph()))));
  expect(kinds(schedule(Object.values(again)))).toEqual(kinds(schedule(Object.values(graph()))));
  expect(lower(again).bytes).toEqual(lower(graph()).bytes);
});

test("inputs come before what is computed from them, each value once", () => {
  const order = schedule(Object.values(graph()));
  expect(new Set(order).size).toBe(order.length);
  for (const [i, t] of order.entries()) for (const x of t.inputs) expect(order.indexOf(x)).toBeLessThan(i);
});

test("what nothing reads comes last, the deepest first", () => {
  const { deep, shallow } = graph();
  expect(schedule([shallow, deep]).slice(-2)).toEqual([deep, shallow]);
  expect(schedule([deep, shallow]).slice(-2)).toEqual([deep, shallow]);
});

test("the runtime widens a weight when its turn comes, and ends one output before it goes on to the next", async () => {
  const profile = profileKernels();
  const compiled = await compile(graph(), "cpu", profile.options);
  await compiled.run({ x: { shape: [1, D], data: [1, 2] } });
  await compiled.release();
  const product = ["Cast(bfloat16)", "MatMul(float, float)"];
  expect([...profile.order()]).toEqual(
    [
      ...product,
      "Tanh(float)",
      "Neg(float)",
      ...product,
      "Exp(float)",
      "Sigmoid(float)",
      "Mul(float, float)",
    ].map((kernel) => `CPU ${kernel}`),
  );
});

test("of equally deep inputs the last is computed first, in any graph", () => {
  const x = input("x", [D]);
  const [a, b] = [exp(x), neg(x)];
  expect(kinds(schedule([add(a, b)]))).toEqual(["input", "exp", "neg", "add"]);
  expect(kinds(schedule([add(b, a)]))).toEqual(["input", "neg", "exp", "add"]);
});
