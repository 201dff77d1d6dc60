import type { Adapter } from "../adapters/adapter.ts";
import { ownNames } from "../adapters/graph_parts.ts";
import { type ModuleWeights, moduleTensors } from "../adapters/module_tensors.ts";
import type { Trainable } from "./trainable.ts";

/** `adapter` as it is after training: what began it, with the values that `trainables` have now. */
export function trainedAdapter<T extends Adapter>(adapter: T, trainables: readonly Trainable[]): T {
  const data = new Map(trainables.map((t) => [t.name, t.data]));
  const trained = <W extends ModuleWeights>(module: string, weights: W): W => ({
    ...weights,
    ...Object.fromEntries(moduleTensors(module, weights).map(({ part, name }) => [part, data.get(name)!])),
  });
  return {
    ...adapter,
    modules: mapEntries(adapter.modules as Map<string, ModuleWeights>, trained),
    parameters:
      adapter.parameters &&
      mapEntries(adapter.parameters, (name, own) => ({ ...own, data: data.get(ownNames.parameter(name))! })),
    tokens:
      adapter.tokens &&
      mapEntries(adapter.tokens, (module, own) => ({ ...own, data: data.get(ownNames.rows(module))! })),
  };
}

const mapEntries = <T>(map: ReadonlyMap<string, T>, change: (key: string, value: T) => T): Map<string, T> =>
  new Map([...map].map(([key, value]) => [key, change(key, value)]));
