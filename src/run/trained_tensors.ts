import { torchDtype } from "../files/dtype.ts";
import { copyOf, type TensorSource } from "../files/safetensors.ts";
import { modelLayout } from "../models/layout.ts";
import type { Base } from "../pretrained/base_of.ts";
import type { Trainable } from "../training/trainable.ts";

/** A model's weights: what was trained, rounded once to the type of the base's files, and the rest as it is. */
export function trainedTensors(
  { directory: { config, tensors }, model }: Pick<Base, "directory" | "model">,
  trainables: readonly Trainable[],
): TensorSource[] {
  const trained = new Set(trainables.map(({ name }) => name));
  const rest = [...modelLayout(model).parameters.keys()].filter((name) => !trained.has(name));
  const fallback = torchDtype(config.dtype ?? config.torch_dtype) ?? "F32";
  return [
    ...trainables.map(({ name, shape, data }) => ({
      name,
      dtype: tensors.get(name)?.dtype ?? fallback,
      shape: [...shape],
      data: () => data,
    })),
    ...rest.map((name) => copyOf(tensors.get(name)!)),
  ];
}
