import { describe, expect, test } from "vitest";
import { stepBar, stepLine } from "./step_status.ts";

const status = {
  step: 30,
  totalSteps: 120,
  epoch: 0.5,
  loss: 1.23456,
  learningRate: 1.8e-4,
  tokensPerSecond: 812.4,
  secondsLeft: 125,
};

describe("stepBar", () => {
  test("shows everything where there is room", () => {
    expect(stepBar(status, 120)).toBe(
      "step  30/120  ━━━━━━──────────────────  loss 1.2346  rate 1.80e-4  812 tokens/s  2m 05s left",
    );
  });

  test("keeps the loss and the time left longest", () => {
    expect(stepBar(status, 60)).toBe("step  30/120  ━━━━━───────────────  loss 1.2346  2m 05s left");
    expect(stepBar(status, 40)).toContain("2m 05s left");
  });

  test.each([100, 80, 60, 50, 40])("fits %i columns", (columns) => {
    expect(stepBar(status, columns).length).toBeLessThanOrEqual(columns);
  });

  test("never tells of less than no time", () => {
    expect(stepBar({ ...status, secondsLeft: -3 }, 100)).toContain("0s left");
  });
});

test("stepLine is one line for a log", () => {
  expect(stepLine(status)).toBe(
    "step  30/120  epoch 0.50  loss 1.2346  rate 1.80e-4  812 tokens/s  2m 05s left",
  );
});
