import { cast } from "../graph/ops/elementwise.ts";
import { matmul } from "../graph/ops/matmul.ts";
import { sum } from "../graph/ops/reduce.ts";
import { softmax } from "../graph/ops/softmax.ts";
import { input } from "../graph/sources.ts";
import { COMPUTE_TYPE } from "../graph/tensor.ts";
import { AttuneError } from "../text/errors.ts";
import { openGraph } from "./open_graph.ts";
import type { Device, OpenSession, SessionOptions } from "./session.ts";
import { floats } from "./tensor_data.ts";

/** Sums of [[1, 2], [3, 4]] · [[1, 0], [2, 1]]ᵀ = [[1, 4], [3, 10]] by columns, and a softmax, which has a library of its own. */
const EXPECTED = { columns: [4, 14], shares: [0.5, 0.5, 0.5, 0.5] };

/**
 * Computes a small product on a device: a driver that is too old, or a GPU that the provider has no kernels for, fails only there.
 * @param half whether the product is in float16
 * @throws AttuneError that says what failed.
 */
export async function selfCheck(
  open: OpenSession,
  device: Device,
  { half = false }: Pick<SessionOptions, "half"> = {},
): Promise<void> {
  const matrixIn = (name: string) => cast(input(name, [2, 2]), half ? "float16" : COMPUTE_TYPE);
  const product = cast(matmul(matrixIn("a"), matrixIn("b"), { transB: true }), COMPUTE_TYPE);
  const graph = { columns: sum(product, [0]), shares: softmax(input("c", [2, 2])) };
  const session = await openGraph(open, graph, { device });
  try {
    const matrix = (...values: number[]) => floats(Float32Array.from(values), [2, 2]);
    const found = await session.run({
      a: matrix(1, 2, 3, 4),
      b: matrix(1, 0, 2, 1),
      c: matrix(5, 5, -1, -1),
    });
    for (const [name, expected] of Object.entries(EXPECTED)) requireNear(found[name]!.data, expected, device);
  } finally {
    await session.release();
  }
}

function requireNear(found: ArrayLike<number | bigint>, expected: readonly number[], device: Device): void {
  if (expected.every((value, i) => Math.abs(Number(found[i]) - value) < 1e-3)) return;
  throw new AttuneError({
    code: "runtime.wrong-numbers",
    place: `device ${device}`,
    problem: "it computes wrong numbers",
    expected: expected.join(", "),
    got: Array.from(found, Number).join(", "),
    wayOut: "Use device: cpu, and look at the GPU's driver",
  });
}
