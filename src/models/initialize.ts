import { randomNormals } from "../data/random.ts";
import { sizeOf } from "../graph/tensor.ts";
import type { Model } from "./family.ts";
import { modelLayout } from "./layout.ts";

/**
 * Fresh float32 weights, as transformers makes them: matrices normal with `initializer_range`, norms 1, biases 0. Each is
 * a function of (seed, name).
 */
export function initializeWeights(model: Model, seed: number) {
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, shape] of modelLayout(model).parameters) {
    const size = sizeOf(shape);
    weights.set(name, { shape, data: initialValues(name, shape, size, model.initializerRange, seed) });
  }
  return weights;
}

function initialValues(
  name: string,
  shape: readonly number[],
  size: number,
  range: number,
  seed: number,
): Float32Array {
  if (shape.length === 1) return new Float32Array(size).fill(name.endsWith(".bias") ? 0 : 1);
  return randomNormals(size, seed, `initialize ${name}`, 0).map((x) => x * range);
}
