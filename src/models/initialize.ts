import { sizeOf } from "../graph/tensor.ts";
import { randomNormals } from "../random/random.ts";
import type { Model } from "./family.ts";
import { modelLayout } from "./layout.ts";

/**
 * Fresh float32 weights, as transformers makes them: matrices normal with `initializer_range`, norms 1 (Gemma's, kept less
 * 1, 0), biases 0. Each is a function of (seed, name).
 */
export function initializeWeights(model: Model, seed: number) {
  const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  const { parameters, buffers } = modelLayout(model);
  for (const [name, shape] of parameters) {
    if (buffers.has(name)) continue;
    const size = sizeOf(shape);
    weights.set(name, { shape, data: initialValues(name, shape, size, model, seed) });
  }
  return weights;
}

function initialValues(
  name: string,
  shape: readonly number[],
  size: number,
  { normStart, startFromOne, initializerRange }: Model,
  seed: number,
): Float32Array {
  if (name.endsWith(".bias")) return new Float32Array(size);
  if (startFromOne?.test(name)) return new Float32Array(size).fill(1);
  if (shape.length === 1 || /norm\.weight$/.test(name)) return new Float32Array(size).fill(normStart);
  return randomNormals(size, seed, `initialize ${name}`, 0).map((x) => x * initializerRange);
}
