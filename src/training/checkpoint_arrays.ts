import { readTensor, type TensorEntry } from "../files/safetensors.ts";
import { AttuneError } from "../text/errors.ts";
import type { Moments } from "./adamw.ts";
import type { Trainable } from "./trainable.ts";

/** An array of a checkpoint, float32. */
export interface CheckpointArray {
  name: string;
  shape: number[];
  data: Float32Array;
}

const PARTS = ["value", "m", "v"] as const;

/** What is trained, and its moments: with a run's progress all that a bit-exact resume needs. */
export const checkpointArrays = (
  trainables: readonly Trainable[],
  moments: readonly Moments[],
): CheckpointArray[] =>
  trainables.flatMap(({ name, shape, data }, i) =>
    PARTS.map((part) => ({
      name: `${part} ${name}`,
      shape: [...shape],
      data: part === "value" ? data : moments[i]![part],
    })),
  );

/** Puts a checkpoint's arrays in place. @throws AttuneError when it is another model's. */
export async function restoreArrays(
  tensors: ReadonlyMap<string, TensorEntry>,
  file: string,
  trainables: readonly Trainable[],
  moments: readonly Moments[],
): Promise<void> {
  for (const [i, trainable] of trainables.entries())
    for (const part of PARTS) {
      const entry = tensors.get(`${part} ${trainable.name}`);
      if (entry?.shape.join() !== trainable.shape.join())
        throw new AttuneError({
          code: "training.other-model",
          place: `${file}: ${trainable.name}`,
          problem: "the tensor doesn't fit the model",
        });
      const target = part === "value" ? trainable.data : moments[i]![part];
      target.set(await readTensor(entry!));
    }
}
