import { lower } from "../graph/onnx/lower.ts";
import { int8Matmul, int8Weight } from "../graph/ops/int8_matmul.ts";
import { input, weight } from "../graph/sources.ts";
import type { OpenSession, SessionOptions } from "../runtime/session.ts";
import { AttuneError } from "../text/errors.ts";

/** What computing in 8 bits does to the result, by `bench/int8.ts`. */
export const INT8_COST =
  "final held-out loss within 2% of float32's in each of three runs of the demo's model at a rate of 1e-3, 1.1% above in their mean";

/** Values whose products don't fit into 16 bits: there older CPUs cut sums of two of them off. */
const [LARGEST, N] = [127, 64];

/** @throws AttuneError where this machine's 8-bit products are not exact. */
export async function requireExactInt8(open: OpenSession, options: SessionOptions): Promise<void> {
  const bytes = new Uint8Array(new Int8Array(N).fill(LARGEST).buffer);
  const scales = new Uint8Array(Float32Array.of(1).buffer);
  const W = int8Weight(
    weight("codes", { dtype: "int8", shape: [1, N] }, { bytes }),
    weight("scales", { dtype: "float32", shape: [1] }, { bytes: scales }),
  );
  const session = await open(lower({ y: int8Matmul(input("x", ["T", N]), W) }), options);
  try {
    const x = { dtype: "float32", shape: [1, N], data: new Float32Array(N).fill(LARGEST) } as const;
    const { y } = await session.run({ x });
    if (Math.abs(y!.data[0] as number) !== N * LARGEST ** 2) throw inexact();
  } finally {
    await session.release();
  }
}

const inexact = () =>
  new AttuneError({
    code: "training.int8-saturates",
    place: "compute",
    problem: "this CPU cuts sums of 8-bit products off at 16 bits (it has no VNNI), which would spoil int8",
    wayOut: "Leave compute out",
  });
