import { describe, expect, test } from "vitest";
import { axisOf, heightOn } from "./axis.ts";

describe("an axis", () => {
  test.each([
    [[0.2, 1.9], false, ["2", "1.5", "1", "0.5", "0"]],
    [[1.15, 1.37], false, ["1.4", "1.3", "1.2", "1.1"]],
    [[8000, 9700], true, ["10000", "7500", "5000", "2500", "0"]],
    [[0, 0], false, ["1", "0.75", "0.5", "0.25", "0"]],
    [[0.01, 1, 1.2, 1.1, 800], false, ["1000", "100", "10", "1", "0.1", "0.01"]],
    [[Number.NaN], false, ["1", "0.75", "0.5", "0.25", "0"]],
  ])("around %j has round labels", (values, fromZero, labels) => {
    const axis = axisOf(values, (value) => String(Number(value.toPrecision(4))), fromZero);
    expect(axis.labels).toEqual(labels);
    for (const value of values.filter(Number.isFinite)) {
      expect(heightOn(axis, value)).toBeGreaterThanOrEqual(0);
      expect(heightOn(axis, value)).toBeLessThanOrEqual(1);
    }
  });

  test("has a label for each end", () => {
    const axis = axisOf([2, 7.3], String);
    expect([axis.labels.at(-1), axis.labels[0]].map(Number)).toEqual([axis.low, axis.high]);
  });
});
