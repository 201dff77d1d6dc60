import { describe, expect, test } from "vitest";
import { planTrials, type SweepAxis } from "./plan.ts";

const rate: SweepAxis = { key: "training.learningRate", values: [1e-4, 1e-3] };
const rank: SweepAxis = { key: "adapter.r", values: [4, 8, 16] };

describe("trials", () => {
  test("are all combinations, in their order", () => {
    expect(planTrials([rate, rank]).map((trial) => Object.values(trial))).toEqual([
      [1e-4, 4],
      [1e-4, 8],
      [1e-4, 16],
      [1e-3, 4],
      [1e-3, 8],
      [1e-3, 16],
    ]);
  });

  test("by chance are some of them, none twice, the same for a seed", () => {
    const some = planTrials([rate, rank], { random: 4, seed: 1 });
    expect(new Set(some.map((trial) => JSON.stringify(trial))).size).toBe(4);
    expect(planTrials([rate, rank], { random: 4, seed: 1 })).toEqual(some);
    expect([2, 3, 4].map((seed) => planTrials([rate, rank], { random: 4, seed }))).not.toEqual([
      some,
      some,
      some,
    ]);
    expect(planTrials([rate, rank], { random: 99 })).toEqual(planTrials([rate, rank]));
  });

  test("are drawn from ranges: even in the logarithm, whole between whole ends", () => {
    const axes: SweepAxis[] = [
      { key: "rate", low: 1e-5, high: 1e-1 },
      { key: "r", low: 2, high: 64 },
      { key: "dropout", low: 0, high: 0.5 },
      rank,
    ];
    const trials = planTrials(axes, { random: 400 }) as Record<string, number>[];
    const below = trials.filter((trial) => trial.rate! < 1e-3).length;
    expect(below / 400).toBeGreaterThan(0.4);
    expect(below / 400).toBeLessThan(0.6);
    for (const { rate, r, dropout } of trials) {
      expect([rate! >= 1e-5 && rate! <= 1e-1, Number.isInteger(r), r! >= 2 && r! <= 64]).toEqual([
        true,
        true,
        true,
      ]);
      expect(dropout).toBeLessThanOrEqual(0.5);
    }
    expect(new Set(trials.map((trial) => trial["adapter.r"])).size).toBe(3);
  });

  test.each<[SweepAxis[], object, string]>([
    [[], {}, "no key is to be varied"],
    [[{ key: "adapter.r", values: [] }], {}, "sweep: adapter.r: it has no values"],
    [[{ key: "adapter.r", values: [4, 4] }], {}, "it has a value twice"],
    [[{ key: "r", low: 2, high: 2 }], { random: 2 }, "its range has no width"],
    [[{ key: "r", low: 2, high: 4 }], {}, "a range has no end of values"],
    [
      [{ key: "seed", values: Array.from({ length: 1001 }, (_, i) => i) }],
      {},
      "expected at most 1000 trials, got 1001",
    ],
  ])("%j with %j are refused", (axes, options, message) => {
    expect(() => planTrials(axes, options)).toThrow(message);
  });
});
