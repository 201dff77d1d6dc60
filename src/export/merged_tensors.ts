import { loraScale } from "../adapters/lora_config.ts";
import type { Adapter, LoraWeights } from "../adapters/peft.ts";
import { copyOf, readTensor, type TensorEntry, type TensorSource } from "../checkpoints/safetensors.ts";
import { AttuneError } from "../errors.ts";
import { lower } from "../graph/lower.ts";
import { add, mul } from "../graph/ops/elementwise.ts";
import { matmul } from "../graph/ops/matmul.ts";
import { input } from "../graph/sources.ts";
import type { OpenSession, Session, TensorData } from "../runtime/session.ts";

/** The base's tensors with the adapter's terms added, each computed when it is asked for. */
export interface MergedTensors {
  tensors: TensorSource[];
  release(): Promise<void>;
}

/**
 * W + scale · B·A for every module of `adapter`, in float32, rounded once to the type of W in its file; all other
 * tensors as they are. W of the modules in `transposed` is kept as [in, out].
 * @throws AttuneError when a weight to be merged is no float of 16 or 32 bits.
 */
export async function mergedTensors(
  tensors: ReadonlyMap<string, TensorEntry>,
  adapter: Adapter,
  transposed: ReadonlySet<string>,
  open: OpenSession,
): Promise<MergedTensors> {
  const turned = (module: string, lora: LoraWeights) =>
    transposed.has(module) ? transposedTerm(lora) : lora;
  const weights = new Map(
    [...adapter.modules].map(([module, lora]) => [`${module}.weight`, turned(module, lora)]),
  );
  for (const name of weights.keys()) checkFloat(tensors.get(name)!);
  const session = await open(mergeGraph(), { device: "cpu" });
  const scale = loraScale(adapter.config);
  return {
    tensors: [...tensors.values()].map((entry) => {
      const lora = weights.get(entry.name);
      return lora ? { ...copyOf(entry), data: () => merge(session, entry, lora, scale) } : copyOf(entry);
    }),
    release: session.release,
  };
}

/** The term whose product is (B·A)ᵀ = Aᵀ·Bᵀ. */
const transposedTerm = ({ A, B, r, in: inputs, out }: LoraWeights): LoraWeights => ({
  A: flipped(B, out, r),
  B: flipped(A, r, inputs),
  r,
  in: out,
  out: inputs,
});

/** matrix [rows, columns] -> [columns, rows]. */
function flipped(matrix: Float32Array, rows: number, columns: number): Float32Array {
  return matrix.map((_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]!);
}

/** In the order PEFT computes it. W [O, I], A [R, I], B [O, R]. */
function mergeGraph() {
  const product = matmul(input("B", ["O", "R"]), input("A", ["R", "I"]));
  return lower({ merged: add(input("W", ["O", "I"]), mul(product, input("scale", []))) });
}

async function merge(
  session: Session,
  entry: TensorEntry,
  { A, B, r, in: I, out: O }: LoraWeights,
  scale: number,
) {
  const float32 = (shape: number[], data: Float32Array): TensorData => ({ dtype: "float32", shape, data });
  const { merged } = await session.run({
    W: float32([O, I], await readTensor(entry)),
    A: float32([r, I], A.slice()), // what is fed is lent
    B: float32([O, r], B.slice()),
    scale: float32([], Float32Array.of(scale)),
  });
  return merged!.data as Float32Array;
}

function checkFloat({ file, name, dtype }: TensorEntry): void {
  if (dtype === "F32" || dtype === "F16" || dtype === "BF16") return;
  throw new AttuneError(
    `${file}: ${name} is ${dtype}; an adapter is merged into F32, F16 or BF16. Merge it into the model before it was quantized.`,
  );
}
