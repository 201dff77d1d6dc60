import { ownNames } from "../adapters/graph_parts.ts";
import { loraNames } from "../adapters/lora.ts";
import type { Adapter } from "../adapters/peft.ts";
import type { Trainable } from "./trainable.ts";

/** `adapter` as it is after training: what began it, with the values that `trainables` have now. */
export function trainedAdapter(adapter: Adapter, trainables: readonly Trainable[]): Adapter {
  const data = new Map(trainables.map((t) => [t.name, t.data]));
  return {
    ...adapter,
    modules: mapEntries(adapter.modules, (module, weights) => {
      const names = loraNames(module, weights.embedding);
      const magnitude = data.get(names.magnitude);
      return {
        ...weights,
        A: data.get(names.A)!,
        B: data.get(names.B)!,
        ...(magnitude && { magnitude }),
      };
    }),
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
