import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { maxDifference } from "../testing/goldens.ts";
import { createOptimizer, globalNorm } from "./optimizer.ts";
import { learningRateAt, type ScheduleName } from "./schedule.ts";
import { trainable } from "./trainable.ts";

type Values = Record<string, number[]>;
interface Golden {
  adamw: {
    learningRate: number;
    weightDecay: number;
    maxGradNorm: number;
    shapes: Record<string, number[]>;
    initial: Values;
    steps: { gradients: Values; gradNorm: number; parameters: Values }[];
  };
  schedules: { name: ScheduleName; warmupRatio: number; learningRate: number; rates: number[] }[];
}
const golden: Golden = JSON.parse(readFileSync(new URL("./goldens/optimizer.json", import.meta.url), "utf8"));

/** One vector of `values`, with an optimizer. */
function vector(...values: number[]) {
  const p = trainable("p", [values.length], Float32Array.from(values));
  return { p, optimizer: createOptimizer([p]) };
}
const plain = { step: 1, learningRate: 0.1, weightDecay: 0, maxGradNorm: 1 };

describe("AdamW", () => {
  const { shapes, initial, steps, ...settings } = golden.adamw;
  const names = Object.keys(shapes);

  test("25 steps, clipped and not, equal torch.optim.AdamW's", () => {
    const trainables = names.map((name) => trainable(name, shapes[name]!, Float32Array.from(initial[name]!)));
    const optimizer = createOptimizer(trainables);
    steps.forEach(({ gradients, gradNorm, parameters }, i) => {
      const arrays = names.map((name) => Float32Array.from(gradients[name]!));
      const norm = optimizer.step(arrays, { ...settings, step: i + 1 });
      expect(Math.abs(norm / gradNorm - 1), `norm of step ${i + 1}`).toBeLessThan(1e-6);
      for (const { name, data } of trainables) // measured: 2.4e-6; PyTorch rounds between operations
        expect(maxDifference(data, parameters[name]!), `${name} after ${i + 1}`).toBeLessThan(5e-6);
    });
  });

  test("the golden has steps on both sides of the clip, and of epsilon", () => {
    const norms = steps.map(({ gradNorm }) => gradNorm);
    expect(Math.max(...norms)).toBeGreaterThan(10 * settings.maxGradNorm);
    expect(Math.min(...norms)).toBeLessThan(1e-8);
  });

  test("decay takes matrices, not vectors", () => {
    const trainables = [
      trainable("w", [1, 2], Float32Array.of(1, 2)),
      trainable("b", [2], Float32Array.of(1, 2)),
    ];
    const still = trainables.map(() => new Float32Array(2));
    createOptimizer(trainables).step(still, { ...plain, weightDecay: 0.5 });
    expect([...trainables[0]!.data]).toEqual([Math.fround(0.95), Math.fround(1.9)]);
    expect([...trainables[1]!.data]).toEqual([1, 2]);
  });

  test("a gradient that is not finite changes nothing", () => {
    const { p, optimizer } = vector(1, 2);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(optimizer.step([Float32Array.of(0.5, bad)], plain)).not.toSatisfy(Number.isFinite);
      expect([...p.data]).toEqual([1, 2]);
      expect(optimizer.moments).toEqual([{ m: new Float32Array(2), v: new Float32Array(2) }]);
    }
  });

  test("a norm beyond float32 is still a norm", () => {
    expect(globalNorm([Float32Array.of(3e38, 0), Float32Array.of(4e38 / 1.5)])).toBeCloseTo(4.0139e38, -34);
    expect(globalNorm([Float32Array.of(3e-30), Float32Array.of(4e-30)])).toBeCloseTo(5e-30, 35);
  });
});

describe("schedule", () => {
  test.each(["linear", "cosine", "constant"])("%s: transformers' rates, with and without warm-up", (name) => {
    const schedules = golden.schedules.filter((schedule) => schedule.name === name);
    expect(schedules.length).toBe(12);
    for (const { rates, ...settings } of schedules) {
      const mine = rates.map((_, i) => learningRateAt(i + 1, { ...settings, totalSteps: rates.length }));
      expect(maxDifference(mine, rates), `warm-up ${settings.warmupRatio} of ${rates.length}`).toBeLessThan(
        1e-18,
      );
    }
  });
});
