import { describe, expect, test } from "vitest";
import { gradients } from "../../graph/gradients.ts";
import { mul } from "../../graph/ops/elementwise.ts";
import { sumAll } from "../../graph/ops/reduce.ts";
import { constant, input } from "../../graph/sources.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { createScope } from "../../models/scope.ts";
import { evaluate, type Feeds } from "../../testing/evaluate.ts";
import { type LoraTerm, loraHook } from "./lora_term.ts";

// T 2 tokens, 3 in, 2 out, r 1.
const values: Feeds = {
  x: { shape: [2, 3], data: [1, 2, 3, -1, 0, 4] },
  "q.weight": { shape: [2, 3], data: [1, 0, 0, 0, 1, 0] },
  "q.bias": { shape: [2], data: [10, 20] },
  A: { shape: [1, 3], data: [1, -1, 2] },
  B: { shape: [2, 1], data: [3, -2] },
};
const tensor = (name: string) => input(name, values[name]!.shape);
const term = (): LoraTerm => ({ A: tensor("A"), B: tensor("B"), scale: 0.5 });

/** The linear layer q with a bias, under `hook`. */
const layer = (hook: ReturnType<typeof loraHook>) =>
  createScope(tensor, { linear: hook }).linear("q", tensor("x"), 2, { bias: true });

const compute = async (y: Tensor) => (await evaluate({ y }, values)).y!.data;

describe("LoRA", () => {
  test("adds scale · B·A·x to the layers that have a term, before the bias", async () => {
    // A·x = [5, 7]; B·A·x · 0.5 = [[7.5, -5], [10.5, -7]]; W·x + b = [[11, 22], [9, 20]].
    expect(await compute(layer(loraHook(() => term())))).toEqual([18.5, 17, 19.5, 13]);
    expect(await compute(layer(loraHook(() => undefined)))).toEqual([11, 22, 9, 20]);
  });

  test("asks for each layer by its path and sizes", () => {
    const asked: unknown[] = [];
    const hook = loraHook((module, sizes) => {
      asked.push([module, sizes]);
      return undefined;
    });
    createScope((name, shape) => input(name, shape), { linear: hook })
      .at("a")
      .linear("q", tensor("x"), 2);
    expect(asked).toEqual([["a.q", { in: 3, out: 2 }]]);
  });

  test("reaches A and B with the gradient, and leaves the frozen weight's path whole", async () => {
    const x = tensor("x");
    const { A, B, scale } = term();
    const y = createScope(tensor, { linear: loraHook(() => ({ A, B, scale })) }).linear("q", x, 2);
    const weights = constant([1, 2, 3, 4], [2, 2]);
    const [dA, dB, dx] = gradients(sumAll(mul(y, weights)), [A, B, x]);
    const result = await evaluate({ dA: dA!, dB: dB!, dx: dx! }, values);
    // d(A·x) = scale · dy·B = [0.5·(3 - 4), 0.5·(9 - 8)] = [-0.5, 0.5]; dA = its product with x; dx = dy·W + d(A·x)·A.
    expect(result.dA!.data).toEqual([-1, -1, 0.5]);
    expect(result.dB!.data).toEqual([0.5 * (1 * 5 + 3 * 7), 0.5 * (2 * 5 + 4 * 7)]);
    expect(result.dx!.data).toEqual([1 - 0.5, 2 + 0.5, -1, 3 + 0.5, 4 - 0.5, 1]);
  });

  test("drops out its own input only", async () => {
    const zero = constant([0], [1], "int32"); // every hash is 0, below the threshold of p = 0.75
    const dropout = { p: 0.75, words: { rows: [zero, zero], columns: [zero, zero] } } as const;
    expect(await compute(layer(loraHook(() => ({ ...term(), dropout }))))).toEqual([11, 22, 9, 20]);
    const rare = { ...dropout, p: 0.25 }; // 0 is above: all is kept, divided by 0.75
    const kept = await compute(layer(loraHook(() => ({ ...term(), dropout: rare }))));
    [18.5, 17, 19.5, 13].forEach((y, i) => {
      const frozen = [11, 22, 9, 20][i]!;
      expect(kept[i]).toBeCloseTo(frozen + (y - frozen) / 0.75, 5);
    });
  });
});
