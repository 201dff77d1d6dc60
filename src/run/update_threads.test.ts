import { afterEach, expect, test } from "vitest";
import { createOptimizer, threadedOptimizer } from "../training/optimizer.ts";
import { trainable } from "../training/trainable.ts";
import { updateThreads } from "./update_threads.ts";

const threads = updateThreads(3);
afterEach(() => threads.close());

const lengths = [7, 1000, 64, 1, 300];
const made = (seed: number) =>
  lengths.map((n, k) => Float32Array.from({ length: n }, (_, i) => Math.sin(seed + 17 * k + i)));
const parameters = () =>
  made(1).map((data, i) => trainable(`p${i}`, [data.length, 1], data, { rate: 1 + i }));

test("several threads update as one does, to the bit", async () => {
  const [one, several] = [parameters(), parameters()];
  const [alone, together] = [createOptimizer(one), threadedOptimizer(several, threads)];
  for (const step of [1, 2, 3]) {
    const options = { step, learningRate: 0.01, weightDecay: 0.1, maxGradNorm: 5 };
    const gradients = made(step + 5);
    expect(await together.step(gradients, options)).toBe(alone.step(made(step + 5), options));
    expect(gradients).toEqual(made(step + 5));
  }
  expect(several.map(({ data }) => data)).toEqual(one.map(({ data }) => data));
  expect(together.moments).toEqual(alone.moments);
});

test("where the norm isn't finite nothing is updated", async () => {
  const several = parameters();
  const gradients = made(2);
  gradients[3]![0] = Number.POSITIVE_INFINITY;
  const options = { step: 1, learningRate: 0.01, weightDecay: 0.1, maxGradNorm: 5 };
  expect(await threadedOptimizer(several, threads).step(gradients, options)).toBe(Number.POSITIVE_INFINITY);
  expect(several.map(({ data }) => data)).toEqual(made(1));
});
