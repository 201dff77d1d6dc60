/** Tensors of a graph for what an adapter holds. */
import { cast } from "../../graph/ops/elementwise.ts";
import { input, weight } from "../../graph/sources.ts";
import { COMPUTE_TYPE, type Tensor } from "../../graph/tensor.ts";
import type { ModuleTensor } from "./kind.ts";

/** What `make` makes of each entry, by its key. */
export function made<V, T>(map: ReadonlyMap<string, V> = new Map(), make: (key: string, value: V) => T) {
  const all = new Map([...map].map(([key, value]) => [key, make(key, value)]));
  return (key: string): T | undefined => all.get(key);
}

/** Tensors that are fed, by their parts. */
export const fed = (tensors: readonly ModuleTensor[]): Record<string, Tensor> =>
  Object.fromEntries(tensors.map(({ part, name, shape }) => [part, input(name, shape)]));

/** A tensor that a graph carries in itself. */
export const fixed = (name: string, shape: readonly number[], data: Float32Array): Tensor =>
  cast(
    weight(
      name,
      { dtype: "float32", shape },
      { bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) },
    ),
    COMPUTE_TYPE,
  );
