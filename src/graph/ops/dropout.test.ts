import { describe, expect, test } from "vitest";
import { COLUMNS, dropoutOfMany, P, ROWS } from "../../testing/dropout_of_many.ts";
import { evaluate } from "../../testing/evaluate.ts";

// That every provider gives this mask, entry by entry, is tested in ops.test.ts.
describe("dropout", async () => {
  const { outputs, feeds, expected } = dropoutOfMany();
  const { "many/y": y, "many/x.grad": dx } = await evaluate(outputs, feeds);
  const dropped = y!.data.map((v) => +(v === 0));

  test("drops its share, within 4 standard deviations", () => {
    expect(deviations(dropped)).toBeLessThan(4);
  });

  // One line in 1.7 million would be further off, were its entries independent.
  test("every row and every column drops its share, within 5", () => {
    for (let r = 0; r < ROWS; r++)
      expect(deviations(dropped.slice(r * COLUMNS, (r + 1) * COLUMNS)), `row ${r}`).toBeLessThan(5);
    for (let c = 0; c < COLUMNS; c++)
      expect(deviations(dropped.filter((_, i) => i % COLUMNS === c)), `column ${c}`).toBeLessThan(5);
  });

  test("the gradient is dropped where the value is, and scaled as much", () => {
    expect(dx!.data.map((v) => +(v === 0))).toEqual(dropped);
    expect(new Set(dx!.data)).toEqual(new Set([0, Math.fround(1 / (1 - P))]));
  });

  test("another run gives the same", async () => {
    const again = await evaluate(outputs, feeds);
    expect(again["many/y"]!.data).toEqual(y!.data);
    expect(y!.data).toEqual(expected(feeds["many/x"].data));
  });
});

/** How far the share of ones is from P, in standard deviations of independent draws. */
function deviations(dropped: readonly number[]): number {
  const count = dropped.reduce((n, d) => n + d, 0);
  return Math.abs(count - dropped.length * P) / Math.sqrt(dropped.length * P * (1 - P));
}
