import { gradients } from "../graph/gradients.ts";
import { recomputed } from "../graph/passes/recompute.ts";
import { isInput } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import { reachable } from "../graph/walk.ts";
import type { LabelLosses } from "./label_losses.ts";
import type { Method } from "./method.ts";

/** What a training pass gives, by name: values of labels, and the gradient of each trainable. */
export function trainingGraph(
  { sum, nll }: LabelLosses,
  method: Pick<Method, "trainables">,
  checkpointing?: boolean,
): Record<string, Tensor> {
  const forward = reachable([sum]);
  const inputs = new Map(forward.filter(isInput).map((t) => [t.attributes.name, t]));
  const wanted = method.trainables.map(({ name }) => inputs.get(name)!);
  const outputs: Record<string, Tensor> = { nll };
  const recompute = recomputed(forward, checkpointing === undefined ? undefined : Number(checkpointing));
  gradients(sum, wanted, { recompute }).forEach((g, i) => {
    outputs[gradientName(method.trainables[i]!.name)] = g;
  });
  return outputs;
}

export const gradientName = (name: string) => `gradient ${name}`;
