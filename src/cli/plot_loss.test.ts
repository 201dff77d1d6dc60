import { expect, test } from "vitest";
import { plotLoss } from "./plot_loss.ts";

test("a falling loss goes from the upper left to the lower right", () => {
  expect(plotLoss([4, 3, 2, 1], { width: 10, height: 1 })).toBe(
    ["4.000 ┤⠑⢄", "      └──", "       1 step 4"].join("\n"),
  );
});

test("many steps are averaged into the width", () => {
  const lines = plotLoss(
    Array.from({ length: 1000 }, (_, i) => Math.exp(-i / 300)),
    { width: 20, height: 4 },
  ).split("\n");
  expect(lines).toHaveLength(6);
  expect(lines[0]).toMatch(/^0\.96\d ┤[\u2800-\u28ff]{20}$/);
  expect(lines[3]).toMatch(/^0\.03\d ┤/);
  expect(lines[5]).toMatch(/^ +1 +step 1000$/);
});

test("no finite loss, one loss, equal losses", () => {
  expect(plotLoss([])).toBe("no losses to plot");
  expect(plotLoss([Number.NaN])).toBe("no losses to plot");
  expect(plotLoss([2])).toContain("2.000");
  expect(plotLoss([2, Number.POSITIVE_INFINITY, 2])).toContain("2.000");
});
