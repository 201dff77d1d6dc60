import { expect, test } from "vitest";
import { evaluate, type Values } from "../../testing/evaluate.ts";
import { input, weight } from "../sources.ts";
import { likeliestIds } from "./likeliest.ts";

const [S, D] = [3, 4];
const hidden: Values = {
  shape: [S, D],
  data: Array.from({ length: S * D }, (_, i) => Math.sin(i * 3.1) * 2),
};

/** More rows than are taken at once, so that a part's largest meets those of others. */
test.each([7, 20_000])("the ids of the largest logits, of %d", async (V) => {
  const rows = Float32Array.from({ length: V * D }, (_, i) => (Math.sin(i * 12.9898) * 43_758.5) % 1);
  const head = weight("head", { dtype: "float32", shape: [V, D] }, { bytes: new Uint8Array(rows.buffer) });
  const ids = likeliestIds(input("hidden", [S, D]), head);
  const found = await evaluate({ ids }, { hidden });
  const logit = (s: number, v: number) =>
    Array.from({ length: D }, (_, d) => hidden.data[s * D + d]! * rows[v * D + d]!).reduce((a, b) => a + b);
  const expected = Array.from({ length: S }, (_, s) => {
    const all = Array.from({ length: V }, (_, v) => logit(s, v));
    return all.indexOf(Math.max(...all));
  });
  expect([...found.ids!.data]).toEqual(expected);
});
