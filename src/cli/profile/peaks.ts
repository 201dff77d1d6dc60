import { lower } from "../../graph/onnx/lower.ts";
import { scale } from "../../graph/ops/elementwise.ts";
import { int8Matmul, int8Weight } from "../../graph/ops/int8_matmul.ts";
import { matmul } from "../../graph/ops/matmul.ts";
import { input, weight } from "../../graph/sources.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { MachinePeaks } from "../../report/profile_record.ts";
import { openSession } from "../../runtime/node.ts";
import type { TensorData } from "../../runtime/session.ts";

const ROWS = 512;
const SIZE = 2_048; // of products: far more than caches hold
const VALUES = 24_000_000; // 96 MB an array
const RUNS = 8;

/** What the machine does at best by the runtime's own kernels: the fastest of a few large products, and of an array that is read and written. */
export async function measurePeaks(threads: number): Promise<MachinePeaks> {
  const product = 2 * ROWS * SIZE * SIZE;
  const x = random([ROWS, SIZE]);
  const W = random([SIZE, SIZE]);
  const a = random([VALUES]);
  const [X, M, A] = [input("x", ["T", SIZE]), input("W", [SIZE, SIZE]), input("a", ["N"])];
  const int8 = await fastest(int8Matmul(X, integerWeight()), { x }, threads).catch(() => undefined);
  return {
    threads,
    float32: product / (await fastest(matmul(X, M), { x, W }, threads)),
    int8: int8 ? product / int8 : 0,
    bandwidth: (2 * 4 * VALUES) / (await fastest(scale(A, 2), { a }, threads)), // read once, written once
  };
}

/** Least seconds of a kernel's run. */
async function fastest(y: Tensor, feeds: Record<string, TensorData>, threads: number): Promise<number> {
  const session = await openSession(lower({ y }), { device: "cpu", threads });
  try {
    let [least, into] = [Number.POSITIVE_INFINITY, undefined as TensorData | undefined];
    for (let i = 0; i < RUNS; i++) {
      const began = performance.now();
      const { y: result } = await session.run(feeds, into && { y: into });
      least = Math.min(least, (performance.now() - began) / 1000);
      into = result!;
    }
    return least;
  } finally {
    await session.release();
  }
}

function random(shape: number[]): TensorData {
  const data = new Float32Array(shape.reduce((n, d) => n * d, 1));
  for (let i = 0; i < data.length; i++) data[i] = ((i * 37) % 101) / 101 - 0.5;
  return { dtype: "float32", shape, data };
}

function integerWeight(): Tensor {
  const codes = new Int8Array(SIZE * SIZE).map((_, i) => ((i * 31) % 255) - 127);
  const scales = new Float32Array(SIZE).fill(0.01);
  return int8Weight(
    weight("codes", { dtype: "int8", shape: [SIZE, SIZE] }, { bytes: new Uint8Array(codes.buffer) }),
    weight("scales", { dtype: "float32", shape: [SIZE] }, { bytes: new Uint8Array(scales.buffer) }),
  );
}
