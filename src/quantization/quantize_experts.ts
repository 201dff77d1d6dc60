/**
 * The experts of mixtures, of which each matrix is quantized by itself. bitsandbytes has codes for linear layers alone, and leaves
 * transformers 5's parameters of all experts in 16 bits: those are most of a mixture.
 */
import { sliceOf, type TensorEntry } from "../files/safetensors.ts";
import { sizeOf } from "../graph/tensor.ts";
import { isStacked, type QuantizedEntry, type StackedEntry } from "./quantized_entry.ts";

type Tensors = ReadonlyMap<string, TensorEntry>;

/** How the files keep a parameter of experts: see models/layout.ts. */
export interface ExpertsLayout {
  count: number;
  parts: readonly (readonly string[])[];
  turned: boolean;
}

interface ExpertMatrix {
  /** [out, in], as it is quantized. */
  entry: TensorEntry;
  /** The file keeps it as [in, out]. */
  isTurned: boolean;
}

/** Every matrix of every expert that isn't in codes as the model is published (MXFP4). */
export function expertMatrices(
  tensors: Tensors,
  experts: ReadonlyMap<string, ExpertsLayout> = new Map(),
): ExpertMatrix[] {
  return [...experts.values()].flatMap((layout) =>
    layout.parts.flatMap((names) => {
      const entries = names.map((name) => tensors.get(name)!);
      if (entries[0]!.shape.length === 2) return entries.map((entry) => ({ entry, isTurned: false }));
      return isStacked(entries[0]!) ? [] : matricesOf(entries[0]!, layout);
    }),
  );
}

function matricesOf(stack: TensorEntry, { count, turned }: ExpertsLayout): ExpertMatrix[] {
  const [, ...matrix] = stack.shape;
  const size = sizeOf(matrix);
  return Array.from({ length: count }, (_, i) => ({
    entry: {
      ...sliceOf(stack, i * size, size),
      name: matrixName(stack.name, i),
      shape: turned ? matrix : matrix.toReversed(),
    },
    isTurned: !turned,
  }));
}

/** bitsandbytes' names end so. */
const matrixName = (stack: string, i: number) => `${stack}.${i}.weight`;

/** `folded` with the matrices of each stack under its own name. */
export function stackedAgain(
  tensors: Tensors,
  folded: ReadonlyMap<string, TensorEntry>,
  experts: ReadonlyMap<string, ExpertsLayout> = new Map(),
): Map<string, TensorEntry> {
  const all = new Map(folded);
  for (const layout of experts.values())
    for (const names of layout.parts) {
      const [name] = names as [string];
      if (!folded.has(matrixName(name, 0))) continue;
      const matrices = Array.from(
        { length: layout.count },
        (_, i) => folded.get(matrixName(name, i)) as QuantizedEntry,
      );
      for (const matrix of matrices) all.delete(matrix.name);
      const { shape } = tensors.get(name)!;
      const byteLength = matrices.reduce((sum, matrix) => sum + matrix.byteLength, 0);
      const stack: StackedEntry = {
        ...matrices[0]!,
        name,
        shape,
        byteLength,
        matrices,
        isTurned: !layout.turned,
      };
      all.set(name, stack);
    }
  return all;
}
