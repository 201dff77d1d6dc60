import type { TensorEntry } from "./safetensors.ts";

/** The layer that a weight is of. */
export const moduleOf = (weight: string): string => weight.replace(/\.weight$/, "");

/** What transformers puts before the names of all tensors but the output layer's, by model_type. */
const ROOTS: Readonly<Record<string, string>> = { gpt2: "transformer" };

/** GPT-2's own files leave the root out of their tensors' names; transformers reads, and writes, them with it. */
export function rootedNames(tensors: Map<string, TensorEntry>, modelType: unknown): Map<string, TensorEntry> {
  const root =
    typeof modelType === "string" && Object.hasOwn(ROOTS, modelType) ? ROOTS[modelType] : undefined;
  if (root === undefined || [...tensors.keys()].some((name) => name.startsWith(`${root}.`))) return tensors;
  return new Map(
    [...tensors].map(([name, entry]) => {
      const rooted = name.startsWith("lm_head.") ? name : `${root}.${name}`;
      return [rooted, { ...entry, name: rooted }];
    }),
  );
}
