import { describe, expect, test } from "vitest";
import { difference } from "../../testing/difference.ts";
import { COLUMNS, dropoutOfMany, P, ROWS } from "../../testing/dropout_of_many.ts";
import { evaluate } from "../../testing/evaluate.ts";

// That every provider gives this mask, entry by entry, is tested in ops.test.ts.
describe("dropout", async () => {
  const { outputs, feeds, expected } = dropoutOfMany();
  const { "many/y": y, "many/x.grad": dx } = await evaluate(outputs, feeds);
  const dropped = y!.data.map((v) => +(v === 0));

  test("drops its share, within 4 standard deviations", () => {
    const count = dropped.reduce((n, d) => n + d, 0);
    expect(deviations(count, dropped.length)).toBeLessThan(4);
  });

  // One line in 1.7 million would be further off, were its entries independent.
  test("every row and every column drops its share, within 5", () => {
    const [rows, columns] = [Array<number>(ROWS).fill(0), Array<number>(COLUMNS).fill(0)];
    dropped.forEach((d, i) => {
      rows[Math.floor(i / COLUMNS)]! += d;
      columns[i % COLUMNS]! += d;
    });
    expect(Math.max(...rows.map((count) => deviations(count, COLUMNS)))).toBeLessThan(5);
    expect(Math.max(...columns.map((count) => deviations(count, ROWS)))).toBeLessThan(5);
  });

  test("the gradient is dropped where the value is, and scaled as much", () => {
    expect(dx!.data.filter((v, i) => +(v === 0) !== dropped[i])).toEqual([]);
    expect(new Set(dx!.data)).toEqual(new Set([0, Math.fround(1 / (1 - P))]));
  });

  test("another run gives the same", async () => {
    const again = await evaluate(outputs, feeds);
    expect(difference(again["many/y"]!, y!, 0)).toBe("");
    expect(difference(y!, expected(feeds["many/x"].data), 0)).toBe("");
  });
});

/** How far `count` of `draws` is from the share P, in standard deviations of independent draws. */
const deviations = (count: number, draws: number) =>
  Math.abs(count - draws * P) / Math.sqrt(draws * P * (1 - P));
