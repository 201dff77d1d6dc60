import { torchDtype } from "../files/dtype.ts";
import { copyOf, type TensorSource } from "../files/safetensors.ts";
import type { Base } from "../pretrained/base_of.ts";
import type { Trainable } from "../training/trainable.ts";

/** A model's weights: what was trained, rounded once to the type of the base's files, and the rest as it is. */
export function trainedTensors(
  { directory: { config, tensors } }: Pick<Base, "directory">,
  trainables: readonly Trainable[],
): TensorSource[] {
  const trained = new Set(trainables.map(({ name }) => name));
  const rest = [...tensors.values()].filter(({ name }) => !trained.has(name)); // with what no text is computed with
  const fallback = torchDtype(config.dtype ?? config.torch_dtype) ?? "F32";
  return [
    ...trainables.map(({ name, shape, data }) => ({
      name,
      dtype: tensors.get(name)?.dtype ?? fallback,
      shape: [...shape],
      data: () => data,
    })),
    ...rest.map(copyOf),
  ];
}
