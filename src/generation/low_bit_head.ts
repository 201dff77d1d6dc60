import type { TensorEntry } from "../files/safetensors.ts";
import { isWeight } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import { frozenParameter } from "../models/frozen.ts";

/** By this name the output layer lies in blocks: the embedding, which it may share its weight with, is looked up as it is. */
export const LOW_BIT_HEAD = "the output layer, in blocks";

/** The output layer in blocks, where there is one and no adapter has one of its own. */
export function lowBitHead(head: Tensor, tensors: ReadonlyMap<string, TensorEntry>): Tensor {
  const entry = tensors.get(LOW_BIT_HEAD);
  const stored = head.op.converts ? head.inputs[0]! : head;
  return entry && isWeight(stored) ? frozenParameter(entry) : head;
}
