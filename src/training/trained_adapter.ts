import type { Adapter } from "../adapters/adapter.ts";
import { ownNames } from "../adapters/graph_parts.ts";
import { kindOf } from "../adapters/kinds/kinds.ts";
import type { Trainable } from "./trainable.ts";

/** `adapter` as it is after training: what began it, with the values that `trainables` have now. */
export function trainedAdapter(adapter: Adapter, trainables: readonly Trainable[]): Adapter {
  const data = new Map(trainables.map((t) => [t.name, t.data]));
  const { tensors } = kindOf(adapter);
  const trained = (module: string, weights: object): object => ({
    ...weights,
    ...Object.fromEntries(tensors.of(module, weights).map(({ part, name }) => [part, data.get(name)!])),
  });
  return {
    ...adapter,
    modules: mapEntries(adapter.modules, trained),
    parameters:
      adapter.parameters &&
      mapEntries(adapter.parameters, (name, own) => ({ ...own, data: data.get(ownNames.parameter(name))! })),
    tokens:
      adapter.tokens &&
      mapEntries(adapter.tokens, (module, own) => ({ ...own, data: data.get(ownNames.rows(module))! })),
  };
}

/** The same in the form that its files have. */
export function finishedAdapter(adapter: Adapter, trainables: readonly Trainable[]): Adapter {
  const trained = trainedAdapter(adapter, trainables);
  return kindOf(adapter).finished?.(trained) ?? trained;
}

const mapEntries = <T>(map: ReadonlyMap<string, T>, change: (key: string, value: T) => T): Map<string, T> =>
  new Map([...map].map(([key, value]) => [key, change(key, value)]));
