import { lower } from "../graph/onnx/lower.ts";
import { matmul } from "../graph/ops/matmul.ts";
import { sum } from "../graph/ops/reduce.ts";
import { softmax } from "../graph/ops/softmax.ts";
import { input } from "../graph/sources.ts";
import { AttuneError } from "../text/errors.ts";
import type { Device, OpenSession } from "./session.ts";
import { floats } from "./tensor_data.ts";

/** Sums of [[1, 2], [3, 4]] · [[1, 0], [2, 1]]ᵀ = [[1, 4], [3, 10]] by columns, and a softmax, which has a library of its own. */
const EXPECTED = { columns: [4, 14], shares: [0.5, 0.5, 0.5, 0.5] };

/**
 * Computes a small product on a device: a driver that is too old, or a GPU that the provider has no kernels for, fails only there.
 * @throws AttuneError that says what failed.
 */
export async function selfCheck(open: OpenSession, device: Device): Promise<void> {
  const product = matmul(input("a", [2, 2]), input("b", [2, 2]), { transB: true });
  const graph = { columns: sum(product, [0]), shares: softmax(input("c", [2, 2])) };
  const session = await open(lower(graph), { device });
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
