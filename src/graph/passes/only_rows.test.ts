import { expect, test } from "vitest";
import { difference } from "../../testing/difference.ts";
import { evaluate, type Feeds } from "../../testing/evaluate.ts";
import { uniform } from "../../testing/random.ts";
import { gradients } from "../gradients.ts";
import { silu } from "../ops/activation.ts";
import { add, mul } from "../ops/elementwise.ts";
import { gather } from "../ops/indexing.ts";
import { matmul } from "../ops/matmul.ts";
import { rmsNorm } from "../ops/norm.ts";
import { sumAll } from "../ops/reduce.ts";
import { reshape } from "../ops/shape.ts";
import { input } from "../sources.ts";
import type { Tensor } from "../tensor.ts";
import { reachable } from "../walk.ts";
import { onlyRows } from "./only_rows.ts";

const double = (name: string, shape: (string | number)[]) => input(name, shape, "float64");
const [x, w, b, up, down] = [
  double("x", ["T", 3]),
  double("w", [3]),
  double("b", [3]),
  double("up", [6, 3]),
  double("down", [3, 6]),
];
const indices = input("indices", ["S"], "int64");

/** A decoder's last block in small: what mixes rows, then a residual stream with a norm and an MLP beside it. */
function block() {
  const mixed = matmul(matmul(x, x, { transB: true }), x); // [T, 3]
  const h = add(x, add(mixed, b));
  const inner = silu(matmul(rmsNorm(h, w, { eps: 1e-6 }), up, { transB: true })); // [T, 6]
  return { mixed, y: add(h, matmul(inner, down, { transB: true })) };
}

const values = (shape: number[], seed: number) => ({
  shape,
  data: uniform(
    shape.reduce((n, d) => n * d),
    seed,
  ),
});
const feeds: Feeds = {
  x: values([5, 3], 1),
  w: values([3], 2),
  b: values([3], 3),
  up: values([6, 3], 4),
  down: values([3, 6], 5),
  indices: { shape: [4], data: [4, 0, 2, 2] },
};

test("the rows and their gradients are those of the whole", async () => {
  const of = (rows: Tensor) =>
    Object.fromEntries([rows, ...gradients(sumAll(mul(rows, rows)), [x, w, b, up, down])].entries());
  const { y } = block();
  const found = of(onlyRows(y, indices));
  const expected = of(gather(y, indices));
  const [a, e] = [await evaluate(found, feeds), await evaluate(expected, feeds)];
  for (const name of Object.keys(e)) expect(difference(a[name]!, e[name]!, 1e-13)).toBe("");
});

test("they are computed from the first place on where only they are read", () => {
  const { mixed, y } = block();
  const order = reachable([onlyRows(y, indices)]);
  const gathered = order.filter(({ op }) => op.name === "gather").map(({ inputs }) => inputs[0]);
  expect(gathered).toEqual([x, mixed]);
  const whole = order.filter(({ shape: [T] }) => T === "T").map(({ op }) => op.name);
  expect(whole).toEqual(["input", "matmul", "matmul"]);
});

test("of what isn't made row by row they are taken", () => {
  for (const t of [reshape(x, ["T", 3]), matmul(x, double("square", ["T", 3]), { transB: true })]) {
    const rows = onlyRows(t, indices);
    expect([rows.op.name, rows.inputs[0]]).toEqual(["gather", t]);
  }
});
