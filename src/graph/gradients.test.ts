import { describe, expect, test } from "vitest";
import { difference } from "../testing/difference.ts";
import { evaluate, type Feeds } from "../testing/evaluate.ts";
import { uniform } from "../testing/random.ts";
import { gradients } from "./gradients.ts";
import { silu } from "./ops/activation.ts";
import { linearCrossEntropy } from "./ops/cross_entropy.ts";
import { add, cast, exp, less, mul, scale, sin, where } from "./ops/elementwise.ts";
import { matmul } from "./ops/matmul.ts";
import { mean, sumAll } from "./ops/reduce.ts";
import { softmax } from "./ops/softmax.ts";
import { print } from "./print.ts";
import { input, scalar, weight } from "./sources.ts";
import type { Shape, Tensor } from "./tensor.ts";
import { reachable } from "./walk.ts";

const double = (name: string, shape: Shape) => input(name, shape, "float64");
const close = 1e-14; // a few roundings of float64

describe("gradients", () => {
  test("of several uses are summed", async () => {
    const x = double("x", [3]);
    const y = add(add(mul(x, x), sin(x)), mul(scale(x, 3), x)); // 4x² + sin x
    const { dx } = await evaluate({ dx: gradients(sumAll(y), [x])[0]! }, { x: vector([0.5, -1, 2]) });
    expect(difference(dx!, vector([0.5, -1, 2].map((v) => 8 * v + Math.cos(v))), close)).toBe("");
  });

  test("undo each broadcast on its own", async () => {
    const x = double("x", [2, "T", 4]);
    const [row, one, column, number] = [
      double("row", [4]),
      double("one", [1]),
      double("column", [2, 1, 1]),
      double("number", []),
    ];
    const y = mul(x, mul(add(row, one), mul(column, number)));
    const found = gradients(sumAll(y), [row, one, column, number]);
    const data = uniform(24, 1);
    const feeds: Feeds = {
      x: { shape: [2, 3, 4], data },
      row: vector([1, 2, 3, 4]),
      one: vector([0.5]),
      column: { shape: [2, 1, 1], data: [2, -1] },
      number: { shape: [], data: [3] },
    };
    const results = await evaluate(
      { drow: found[0]!, done: found[1]!, dcolumn: found[2]!, dnumber: found[3]! },
      feeds,
    );
    const total = (f: (v: number, i: number) => number) => data.reduce((n, v, i) => n + f(v, i), 0);
    const columns = (i: number) => (i < 12 ? 2 : -1);
    const sums = (i: number) => 1.5 + (i % 4);
    const row4 = [0, 1, 2, 3].map((c) => total((v, i) => (i % 4 === c ? v * columns(i) * 3 : 0)));
    expect(difference(results.drow!, vector(row4), close)).toBe("");
    expect(difference(results.done!, vector([total((v, i) => v * columns(i) * 3)]), close)).toBe("");
    const halves = [0, 1].map((h) => total((v, i) => (Math.floor(i / 12) === h ? v * sums(i) * 3 : 0)));
    expect(difference(results.dcolumn!, { shape: [2, 1, 1], data: halves }, close)).toBe("");
    const product = total((v, i) => v * sums(i) * columns(i));
    expect(difference(results.dnumber!, { shape: [], data: [product] }, close)).toBe("");
  });

  test("start from the seed: the gradient of what is minimized by the loss", async () => {
    const x = double("x", [2]);
    const loss = sumAll(mul(x, x));
    const seed = double("seed", []);
    const [dx, dloss] = gradients(loss, [x, loss], { seed });
    const results = await evaluate(
      { dx: dx!, dloss: dloss! },
      { x: vector([3, -4]), seed: { shape: [], data: [0.5] } },
    );
    expect(results.dx!.data).toEqual([3, -4]);
    expect(results.dloss!.data).toEqual([0.5]);
  });

  test("are graph again: the second derivative of x³", async () => {
    const x = double("x", [2]);
    const [dx] = gradients(sumAll(mul(x, mul(x, x))), [x]);
    const [ddx] = gradients(sumAll(dx!), [x]);
    expect((await evaluate({ ddx: ddx! }, { x: vector([2, -5]) })).ddx!.data).toEqual([12, -30]);
  });

  test("name the parameter that the loss does not depend on, or only through what has no gradient", () => {
    const [x, idle] = [double("x", [2]), double("idle", [2])];
    expect(() => gradients(sumAll(x), [x, idle])).toThrow(/parameter idle/);
    expect(() => gradients(sumAll(cast(less(x, idle), "float64")), [idle])).toThrow(/parameter idle/);
    expect(() => gradients(sumAll(where(less(x, idle), x, scalar(0, x))), [x, idle])).toThrow(
      /parameter idle/,
    );
  });

  test("are of one number, and start from one", () => {
    const x = double("x", [2]);
    expect(() => gradients(mul(x, x), [x])).toThrow(
      /loss float64\[2\] and seed float64\[\] must be of shape \[\]/,
    );
    expect(() => gradients(sumAll(x), [x], { seed: x })).toThrow(/seed float64\[2\]/);
  });

  test("compute nothing for what is frozen", () => {
    const x = input("x", ["S", 4]);
    const frozen = input("frozen", [8, 4]);
    const y = matmul(x, frozen, { transB: true });
    const products = (outputs: Tensor[]) => reachable(outputs).filter((t) => t.op.name === "matmul").length;
    expect(products(gradients(sumAll(mul(y, y)), [x]))).toBe(2);
    expect(products(gradients(sumAll(mul(y, y)), [x, frozen]))).toBe(3);
  });
});

describe("recomputation", () => {
  const [x, w] = [input("x", [3, 4]), input("w", [4, 4])];
  const loss = sumAll(exp(mean(softmax(silu(matmul(x, w))), [0])));
  const feeds: Feeds = {
    x: { shape: [3, 4], data: uniform(12, 1) },
    w: { shape: [4, 4], data: uniform(16, 2) },
  };

  test("of everything leaves every bit of the gradients as it was", async () => {
    const [kept] = gradients(loss, [w]);
    const [again] = gradients(loss, [w], { recompute: () => true });
    const results = await evaluate({ kept: kept!, again: again! }, feeds);
    expect(results.again).toEqual(results.kept);
    expect(Math.max(...results.kept!.data.map(Math.abs))).toBeGreaterThan(1e-3);
  });

  test("of everything keeps nothing of the forward pass alive", () => {
    const forward = new Set(reachable([loss]).filter((t) => t.inputs.length));
    const shared = (recompute: (t: Tensor) => boolean) =>
      reachable(gradients(loss, [w], { recompute }))
        .filter((t) => forward.has(t))
        .map((t) => t.op.name);
    expect(shared(() => true)).toEqual([]);
    expect(shared(() => false)).toEqual(["matmul", "sigmoid", "silu", "softmax", "mean", "exp"]);
  });

  test("copies what is not kept, and only that", () => {
    const count = (op: string, recompute: (t: Tensor) => boolean) =>
      reachable([loss, ...gradients(loss, [w], { recompute })]).filter((t) => t.op.name === op).length;
    expect(count("softmax", () => false)).toBe(1);
    expect(count("softmax", (t) => t.op.name === "softmax")).toBe(2);
    expect(count("silu", (t) => t.op.name === "softmax")).toBe(1);
  });
});

test("a step graph, printed", () => {
  const x = input("x", ["S", 4]);
  const targets = input("targets", ["S"], "int64");
  const [up, bias] = [input("up.weight", [8, 4]), input("up.bias", [8])];
  const head = cast(
    weight("head", { dtype: "bfloat16", shape: [16, 8] }, { file: "/m", offset: 9, byteLength: 256 }),
    "float32",
  );
  const hidden = silu(add(matmul(x, up, { transB: true }), bias));
  const loss = sumAll(linearCrossEntropy(hidden, head, targets));
  const [dup, dbias] = gradients(loss, [up, bias]);
  expect(`\n${print({ loss, dup: dup!, dbias: dbias! })}\n`).toMatchInlineSnapshot(`
    "
    %0 float32[S, 4] = input() name=x
    %1 int64[S] = input() name=targets
    %2 float32[8, 4] = input() name=up.weight
    %3 float32[8] = input() name=up.bias
    %4 bfloat16[16, 8] = weight() name=head
    %5 float32[16, 8] = cast(%4) to=float32
    %6 float32[S, 8] = matmul(%0, %2) transA=false transB=true alpha=1
    %7 float32[S, 8] = add(%6, %3)
    %8 float32[S, 8] = sigmoid(%7)
    %9 float32[S, 8] = silu(%7, %8)
    %10 float32[16, 8] = keep(%5)
    %11 float32[S, 16] = matmul(%9, %10) transA=false transB=true alpha=1
    %12 int64[S, 1] = reshape(%1)
    %13 float32[S, 16] = logSoftmax(%11)
    %14 float32[S] = negativeLogLikelihood(%13, %11, %9, %10, %1, %12) softcap=undefined
    %15 float32[1] = sum(%14) axes=[0]
    %16 float32[] = reshape(%15)
    %17 float32[] = constant() values=[1]
    %18 float32[1] = reshape(%17)
    %19 float32[S] = expand(%18, %14)
    %20 float32[S, 16] = exp(%13)
    %21 float32[S, 8] = gather(%10, %1)
    %22 float32[S, 1] = reshape(%19)
    %23 float32[S, 8] = matmul(%20, %10) transA=false transB=false alpha=1
    %24 float32[S, 8] = sub(%23, %21)
    %25 float32[S, 8] = mul(%24, %22)
    %26 float32[] = constant() values=[1]
    %27 float32[S, 8] = sub(%26, %8)
    %28 float32[S, 8] = mul(%9, %27)
    %29 float32[S, 8] = add(%28, %8)
    %30 float32[S, 8] = mul(%25, %29)
    %31 float32[1, 8] = sum(%30) axes=[0]
    %32 float32[8] = reshape(%31)
    %33 float32[8, 4] = matmul(%30, %0) transA=true transB=false alpha=1
    loss = %16
    dup = %33
    dbias = %32
    "
  `);
});

const vector = (data: readonly number[]) => ({ shape: [data.length], data });
