import { expect, test } from "vitest";
import { openSession } from "../../runtime/node.ts";
import { uniform, words } from "../../testing/random.ts";
import { lower } from "../onnx/lower.ts";
import { input } from "../sources.ts";
import { scatterAdd } from "./indexing.ts";

test("scatterAdd sums repeats in their order, whatever the threads do: 20 runs give the same bits", async () => {
  const [V, N, D] = [50, 20_000, 64];
  const rows = words(N, 1).map((word) => (word >>> 0) % V);
  const updates = Float32Array.from(uniform(N * D, 2));
  const expected = new Float32Array(V * D);
  rows.forEach((row, n) => {
    for (let d = 0; d < D; d++) expected[row * D + d]! += updates[n * D + d]!;
  });

  const [like, at, from] = [input("like", [V, D]), input("at", [N], "int64"), input("from", [N, D])];
  const session = await openSession(lower({ y: scatterAdd(like, at, from) }), { device: "cpu", threads: 2 });
  const feeds = {
    like: { dtype: "float32", shape: [V, D], data: new Float32Array(V * D).fill(1) },
    at: { dtype: "int64", shape: [N], data: BigInt64Array.from(rows, BigInt) },
    from: { dtype: "float32", shape: [N, D], data: updates },
  } as const;
  for (let i = 0; i < 20; i++) {
    const { y } = await session.run(feeds);
    expect(expected.filter((sum, at) => y!.data[at] !== sum)).toHaveLength(0);
  }
  await session.release();
});
