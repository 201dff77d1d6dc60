import { expect, test } from "vitest";
import { FIRST_SCALE, nextScale, withLossScale } from "./loss_scale.ts";
import { trainable } from "./trainable.ts";
import { hostState } from "./trained_state.ts";

test("a scale is halved at a gradient that isn't finite, and doubled after 2,000 good steps", () => {
  expect(nextScale({ value: 8, goodSteps: 5, skippedSteps: 1 }, false)).toEqual({
    value: 4,
    goodSteps: 0,
    skippedSteps: 2,
  });
  let scale = FIRST_SCALE;
  for (let step = 1; step < 2000; step++) scale = nextScale(scale, true);
  expect(scale).toEqual({ value: 2 ** 16, goodSteps: 1999, skippedSteps: 0 });
  expect(nextScale(scale, true)).toEqual({ value: 2 ** 17, goodSteps: 0, skippedSteps: 0 });
});

test("a step is the one of unscaled gradients, and a skipped one changes nothing and isn't counted", async () => {
  const settings = { learningRate: 0.1, weightDecay: 0.1, maxGradNorm: 1 };
  const start = () => [trainable("w", [2, 2], Float32Array.of(1, 2, 3, 4))];
  const gradient = Float32Array.of(1, -1, 0.5, 2);
  const scaled = (state: { lossScale?: { now(): { value: number } } }) =>
    gradient.map((g) => g * state.lossScale!.now().value);
  const [plain, half] = [start(), start()];
  const [own, other] = [hostState(plain), withLossScale(hostState(half))];

  const norms = [await own.step([gradient], { ...settings, step: 1 })];
  norms.push(await own.step([gradient], { ...settings, step: 2 }));
  const found = [await other.step([scaled(other)], { ...settings, step: 1 })];
  const before = half[0]!.data.slice();
  expect(await other.step([gradient.map(() => Number.POSITIVE_INFINITY)], { ...settings, step: 2 })).toBe(
    Number.POSITIVE_INFINITY,
  );
  expect(half[0]!.data).toEqual(before);
  found.push(await other.step([scaled(other)], { ...settings, step: 3 }));

  expect(found).toEqual(norms);
  expect(half[0]!.data).toEqual(plain[0]!.data);
  expect(other.lossScale!.now()).toEqual({ value: 2 ** 15, goodSteps: 1, skippedSteps: 1 });
});
