import { describe, expect, test } from "vitest";
import { difference } from "../../testing/difference.ts";
import { compile } from "../../testing/evaluate.ts";
import { uniform, words } from "../../testing/random.ts";
import { input } from "../sources.ts";
import { scatterAdd } from "./indexing.ts";

describe("scatterAdd", () => {
  const [V, N, D] = [50, 20_000, 64];
  const rows = words(N, 1).map((word) => (word >>> 0) % V);
  const updates = uniform(N * D, 2);

  test("sums repeats in their order, whatever the threads do: 20 runs give the same bits", async () => {
    const [like, at, from] = [input("like", [V, D]), input("at", [N], "int64"), input("from", [N, D])];
    const { run, release } = await compile({ y: scatterAdd(like, at, from) }, "cpu", { threads: 2 });
    const feeds = {
      like: { shape: [V, D], data: Array<number>(V * D).fill(1) },
      at: { shape: [N], data: rows },
      from: { shape: [N, D], data: updates },
    };
    const expected = { shape: [V, D], data: inOrder() };
    for (let i = 0; i < 20; i++) expect(difference((await run(feeds)).y!, expected, 0)).toBe("");
    await release();
  });

  function inOrder(): number[] {
    const sums = new Float32Array(V * D);
    rows.forEach((row, n) => {
      for (let d = 0; d < D; d++) sums[row * D + d]! += updates[n * D + d]!;
    });
    return Array.from(sums);
  }
});
