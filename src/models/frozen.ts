import type { TensorEntry } from "../checkpoints/safetensors.ts";
import { AttuneError } from "../errors.ts";
import { cast } from "../graph/ops/elementwise.ts";
import { weight } from "../graph/sources.ts";
import type { DType, Tensor } from "../graph/tensor.ts";
import type { ParameterSource } from "./scope.ts";

const DTYPES: Partial<Record<string, DType>> = { F32: "float32", F16: "float16", BF16: "bfloat16" };

/** Parameters as they lie in their files, mapped in place and computed in float32. */
export function frozenParameters(tensors: ReadonlyMap<string, TensorEntry>): ParameterSource {
  const made = new Map<string, Tensor>();
  return (name) => {
    const known = made.get(name);
    if (known) return known;
    const entry = tensors.get(name)!;
    const dtype = DTYPES[entry.dtype];
    if (!dtype)
      throw new AttuneError(
        `${entry.file}: ${name} is ${entry.dtype}; weights are read from F32, F16 or BF16`,
      );
    const tensor = cast(weight(name, { dtype, shape: entry.shape }, entry), "float32");
    made.set(name, tensor);
    return tensor;
  };
}
