import { describe, expect, test } from "vitest";
import { type Curve, thinCurve } from "./curve.ts";
import { addMetrics, addSamples, emptyHistory } from "./run_record.ts";

const curveOf = (values: number[]): Curve => ({ steps: values.map((_, i) => i + 1), values });

describe("a thinned curve", () => {
  const long = Array.from({ length: 100_000 }, (_, i) => Math.sin(i / 5000));
  long[41_234] = 9; // one spike
  long[77_777] = -9;

  test("has few points, and still its highest, its lowest and both ends", () => {
    const { steps, values } = thinCurve(curveOf(long), 600);
    expect(steps.length).toBeLessThanOrEqual(600);
    expect(steps.length).toBeGreaterThan(300);
    expect([Math.max(...values), Math.min(...values)]).toEqual([9, -9]);
    expect([steps[0], steps.at(-1)]).toEqual([1, 100_000]);
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    steps.forEach((step, i) => {
      expect(values[i]).toBe(long[step - 1]);
    });
  });

  test("of few points keeps all, and what is not a number where there is nothing else", () => {
    expect(thinCurve(curveOf([3, Number.NaN, 1]), 600).values).toEqual([3, Number.NaN, 1]);
    const broken = thinCurve(curveOf([1, 2, ...Array<number>(1000).fill(Number.NaN)]), 20);
    expect(broken.values.slice(0, 2)).toEqual([1, 2]);
    expect(broken.values.slice(2).every(Number.isNaN)).toBe(true);
  });
});

describe("a history", () => {
  test("of 200,000 steps stays small, and keeps sums, extremes and ends", () => {
    const history = emptyHistory();
    for (let step = 1; step <= 200_000; step++)
      addMetrics(history, {
        step,
        epoch: 0,
        loss: step === 123_456 ? 99 : 1 / step,
        tokens: 2,
        seconds: 0.5,
      });
    const loss = history.curves.get("loss")!;
    expect(loss.steps.length).toBeLessThanOrEqual(2 ** 15);
    expect([Math.max(...loss.values), loss.values[0], loss.values.at(-1)]).toEqual([99, 1, 1 / 200_000]);
    expect(history).toMatchObject({ tokens: 400_000, stepSeconds: 100_000, step: 200_000 });
    expect([...history.curves.keys()]).toEqual(["loss", "tokens", "seconds"]);
  });

  test("takes null, as JSON writes what is not finite, as not a number", () => {
    const history = emptyHistory();
    addMetrics(history, { step: 1, loss: null });
    expect(history.curves.get("loss")!.values).toEqual([Number.NaN]);
  });

  test("of many evaluations keeps the first answers, the last, and some between", () => {
    const history = emptyHistory();
    for (let step = 0; step <= 1000; step += 10)
      addSamples(history, {
        step,
        samples: [{ task: "t", question: "q", references: [], tuned: "x".repeat(9999) }],
      });
    const steps = history.answers.map(({ step }) => step);
    expect(steps.length).toBe(12);
    expect([steps[0], steps.at(-1)]).toEqual([0, 1000]);
    const gaps = steps.slice(1).map((step, i) => step - steps[i]!);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(320);
    expect(history.answers[0]!.samples[0]!.tuned!.length).toBeLessThan(2010);
  });
});
