import { input, weight } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { AdapterParts } from "./adapt_model.ts";
import { loraNames } from "./lora.ts";
import { scaleOf } from "./lora_config.ts";
import type { LoraTerm } from "./lora_term.ts";
import type { Adapter, LoraWeights } from "./peft.ts";

/** Names under which an adapter's tensors are fed; those of low-rank terms are `loraNames`. */
export const ownNames = {
  /** A parameter in place of the base's, which a tied model may need beside it. */
  parameter: (name: string) => `adapter ${name}`,
  rows: (module: string) => `${module}.trainable_tokens`,
};

/** How a graph comes by the parts of an adapter. */
export interface PartSources {
  /** Parameters and rows of the adapter's own; fed when left out. */
  parameter?(name: string, shape: readonly number[], data: Float32Array): Tensor;
  dropout?(module: string, width: number): LoraTerm["dropout"];
  /** The scale of a module's term, the config's when left out. */
  scale?(module: string): number;
}

/** The parts of an adapter as inputs of a graph, or as `sources` says. One tensor a name, however often it is asked for. */
export function adapterParts(adapter: Adapter, sources: PartSources = {}): AdapterParts {
  const { config, modules, parameters, tokens } = adapter;
  const { parameter = (name, shape) => input(name, shape), dropout } = sources;
  const scale = sources.scale ?? ((module: string) => scaleOf(config, module, modules.get(module)!.r));
  return {
    term: remembered((module) => {
      const weights = modules.get(module);
      if (!weights) return undefined;
      const names = loraNames(module, weights.embedding);
      return {
        A: input(names.A, [weights.r, weights.in]),
        B: input(names.B, [weights.out, weights.r]),
        scale: scale(module),
        dropout: weights.embedding ? undefined : dropout?.(module, weights.in),
        magnitude: weights.magnitude && input(names.magnitude, [weights.out]),
        start: weights.start && startOf(names, weights),
      };
    }),
    parameter: remembered((name) => {
      const own = parameters?.get(name);
      return own && parameter(ownNames.parameter(name), own.shape, own.data);
    }),
    rows: remembered((module) => {
      const own = tokens?.get(module);
      if (!own) return undefined;
      const n = own.indices.length;
      const rows = parameter(ownNames.rows(module), [n, own.data.length / n], own.data);
      return { indices: own.indices, rows };
    }),
  };
}

function remembered<T>(make: (name: string) => T): (name: string) => T {
  const made = new Map<string, T>();
  return (name) => {
    const known = made.get(name) ?? make(name);
    made.set(name, known);
    return known;
  };
}

/** What A and B began as, fixed. */
function startOf(names: { A: string; B: string }, { start, r, in: inputs, out }: LoraWeights) {
  return {
    A: fixed(`${names.A} start`, [r, inputs], start!.A),
    B: fixed(`${names.B} start`, [out, r], start!.B),
  };
}

/** A tensor that a graph carries in itself. */
export const fixed = (name: string, shape: readonly number[], data: Float32Array): Tensor =>
  weight(
    name,
    { dtype: "float32", shape },
    { bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) },
  );
