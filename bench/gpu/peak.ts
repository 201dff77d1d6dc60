import { matmul } from "../../src/graph/ops/matmul.ts";
import { sumAll } from "../../src/graph/ops/reduce.ts";
import { input } from "../../src/graph/sources.ts";
import { openSession } from "../../src/runtime/node.ts";
import { openGraph } from "../../src/runtime/open_graph.ts";
import { placeAll, type TensorData } from "../../src/runtime/session.ts";

const RUNS = 8;

/** Operations a second of the runtime's own float32 product of two matrices of `size` rows on WebGPU: the fastest of a few. */
export async function productPeak(size: number): Promise<number> {
  const [a, b] = [input("a", [size, size]), input("b", [size, size])];
  const session = await openGraph(openSession, { y: sumAll(matmul(a, b)) }, { device: "webgpu" });
  try {
    const placed = await placeAll(session, { a: ones(size), b: ones(size) });
    let least = Number.POSITIVE_INFINITY;
    for (let run = 0; run < RUNS; run++) {
      const began = performance.now();
      await session.run(placed); // the sum comes back: so the product is done
      least = Math.min(least, (performance.now() - began) / 1000);
    }
    return (2 * size ** 3) / least;
  } finally {
    await session.release();
  }
}

const ones = (size: number): TensorData => ({
  dtype: "float32",
  shape: [size, size],
  data: new Float32Array(size * size).fill(1e-3),
});
