import type { LoraConfig } from "./lora_config.ts";
import type { LoraWeights } from "./peft.ts";

/**
 * PEFT's default start: A uniform over ±1/√in (kaiming uniform with a = √5), B zero, so that the adapter begins as
 * nothing. `shapes`: the adapted modules. `uniform(purpose, index)` gives a number of [0, 1) that depends on nothing else,
 * so that a module's start does not depend on which others are adapted.
 */
export function initializeLora(
  shapes: ReadonlyMap<string, { in: number; out: number }>,
  { r }: Pick<LoraConfig, "r">,
  uniform: (purpose: string, index: number) => number,
): Map<string, LoraWeights> {
  return new Map([...shapes].map(([module, shape]) => [module, initialWeights(module, shape, r, uniform)]));
}

function initialWeights(
  module: string,
  shape: { in: number; out: number },
  r: number,
  uniform: (purpose: string, index: number) => number,
): LoraWeights {
  const bound = 1 / Math.sqrt(shape.in);
  const A = new Float32Array(r * shape.in); // [r, in]
  for (let i = 0; i < A.length; i++) A[i] = (2 * uniform(`${module}.lora_A`, i) - 1) * bound;
  return { A, B: new Float32Array(shape.out * r), r, in: shape.in, out: shape.out };
}
