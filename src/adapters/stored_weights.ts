import type { TensorEntry } from "../files/safetensors.ts";
import { ofBase } from "./peft/tensor_names.ts";

/**
 * The base's tensors under an adapter: PEFT writes weights of the base along where the vocabulary was enlarged, and puts
 * them over the base's own when it loads the adapter.
 */
export const withStored = (
  tensors: ReadonlyMap<string, TensorEntry>,
  stored: ReadonlyMap<string, TensorEntry> = new Map(),
): Map<string, TensorEntry> =>
  new Map([...tensors, ...Array.from(stored, ([name, entry]) => [ofBase(name), entry] as const)]);
