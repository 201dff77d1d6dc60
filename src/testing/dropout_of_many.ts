import { gradients } from "../graph/gradients.ts";
import { dropout } from "../graph/ops/dropout.ts";
import { sumAll } from "../graph/ops/reduce.ts";
import { input } from "../graph/sources.ts";
import type { Feeds, Values } from "./evaluate.ts";
import { uniform, words } from "./random.ts";

export const [ROWS, COLUMNS, P] = [256, 300, 0.1];
export const MANY = ROWS * COLUMNS;

/** Dropout of `MANY` entries and its gradient as a graph, and as JavaScript works it out. */
export function dropoutOfMany() {
  const draws = {
    "many/r0": { shape: [ROWS, 1], data: words(ROWS, 2) },
    "many/r1": { shape: [ROWS, 1], data: words(ROWS, 3) },
    "many/c0": { shape: [COLUMNS], data: words(COLUMNS, 4).map((word) => word | 1) },
    "many/c1": { shape: [COLUMNS], data: words(COLUMNS, 5).map((word) => word | 1) },
  };
  const [r0, r1, c0, c1] = Object.entries(draws).map(([name, { shape }]) => input(name, shape, "int32"));
  const x = input("many/x", [ROWS, COLUMNS]);
  const y = dropout(x, P, { rows: [r0!, r1!], columns: [c0!, c1!] });
  const hash = (row: number, column: number) =>
    Math.imul(draws["many/r0"].data[row]!, draws["many/c0"].data[column]!) +
    Math.imul(draws["many/r1"].data[row]!, draws["many/c1"].data[column]!);
  const kept = (i: number) =>
    (hash(Math.floor(i / COLUMNS), i % COLUMNS) | 0) >= Math.round((P - 0.5) * 2 ** 32);
  return {
    outputs: { "many/y": y, "many/x.grad": gradients(sumAll(y), [x])[0]! },
    feeds: { ...draws, "many/x": { shape: [ROWS, COLUMNS], data: uniform(MANY, 1) } } satisfies Feeds,
    expected: (data: readonly number[]): Values => ({
      shape: [ROWS, COLUMNS],
      data: data.map((v, i) => (kept(i) ? Math.fround(v * Math.fround(1 / (1 - P))) : 0)),
    }),
  };
}
