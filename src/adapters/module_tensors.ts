import type { LoraWeights } from "./adapter.ts";
import type { Ia3Weights } from "./ia3.ts";
import { loraNames } from "./lora/lora_term.ts";
import type { VeraWeights } from "./vera.ts";

/** What an adapter holds of one module. */
export type ModuleWeights = LoraWeights | Ia3Weights | VeraWeights;

/** A trained tensor of a module. */
export interface ModuleTensor {
  /** Its key in the weights. */
  part: string;
  /** As the graph and PEFT's files (behind their prefix) know it. */
  name: string;
  shape: readonly number[];
  data: Float32Array;
}

export const isLoraWeights = (weights: ModuleWeights): weights is LoraWeights => "A" in weights;
export const isIa3Weights = (weights: ModuleWeights): weights is Ia3Weights => "vector" in weights;

/** Names of (IA)³'s and VeRA's tensors. */
export const ia3Name = (module: string): string => `${module}.ia3_l`;
export const veraNames = (module: string) => ({
  d: `${module}.vera_lambda_d`,
  b: `${module}.vera_lambda_b`,
});

/** All that a module's term trains. */
export function moduleTensors(module: string, weights: ModuleWeights): ModuleTensor[] {
  if (isLoraWeights(weights)) return loraTensors(module, weights);
  if (isIa3Weights(weights)) {
    const { vector, feedforward } = weights;
    const shape = feedforward ? [1, vector.length] : [vector.length, 1];
    return [{ part: "vector", name: ia3Name(module), shape, data: vector }];
  }
  const names = veraNames(module);
  return [
    { part: "d", name: names.d, shape: [weights.d.length], data: weights.d },
    { part: "b", name: names.b, shape: [weights.b.length], data: weights.b },
  ];
}

function loraTensors(module: string, weights: LoraWeights): ModuleTensor[] {
  const { A, B, magnitude, r, in: inputs, out, embedding } = weights;
  const names = loraNames(module, embedding);
  const tensors = [
    { part: "A", name: names.A, shape: [r, inputs], data: A },
    { part: "B", name: names.B, shape: [out, r], data: B },
  ];
  return magnitude
    ? [...tensors, { part: "magnitude", name: names.magnitude, shape: [out], data: magnitude }]
    : tensors;
}
