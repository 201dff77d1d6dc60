import { describe, expect, test } from "vitest";
import { isEvaluationDue, learningRateAt } from "./schedule.ts";

const NAMES = ["linear", "cosine", "constant"] as const;

describe("a run has a step at the full rate, and never none", () => {
  test.each(NAMES)("%s", (name) => {
    for (const totalSteps of [1, 2, 3, 10])
      for (const warmupRatio of [0, 0.03, 0.5, 0.99, 1]) {
        const rates = Array.from({ length: totalSteps }, (_, i) =>
          learningRateAt(i + 1, { name, learningRate: 1e-3, warmupRatio, totalSteps }),
        );
        expect(Math.max(...rates), `${totalSteps} steps, ${warmupRatio}`).toBe(1e-3);
        expect(rates.at(-1), `${totalSteps} steps, ${warmupRatio}`).toBeGreaterThan(0);
      }
  });
});

test.each([
  ["epoch", [0, 4, 8, 10]],
  [3, [0, 3, 6, 9, 10]],
  [100, [0, 10]],
] as const)("every %s: evaluated at the start, the end and between", (every, steps) => {
  const due = (step: number) => isEvaluationDue(step, { every, stepsPerEpoch: 4, totalSteps: 10 });
  expect(Array.from({ length: 11 }, (_, i) => i).filter(due)).toEqual(steps);
});
