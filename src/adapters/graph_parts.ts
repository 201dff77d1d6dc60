import { transpose } from "../graph/ops/shape.ts";
import { input, weight } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { AdapterParts } from "./adapt_model.ts";
import {
  type Adapter,
  isLora,
  isVera,
  type LoraAdapter,
  type LoraWeights,
  type VeraAdapter,
} from "./adapter.ts";
import { biasGain, ia3Hook } from "./ia3.ts";
import { scaleOf } from "./lora/lora_config.ts";
import { type LoraTerm, loraHook, loraNames, type TermSource } from "./lora/lora_term.ts";
import { type ModuleWeights, moduleTensors } from "./module_tensors.ts";
import { firstColumnsOfA, firstRowsOfB, type VeraTerm, veraHook } from "./vera.ts";

/** Names under which an adapter's tensors are fed; those of its terms are `moduleTensors`'. */
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

/**
 * The parts of an adapter as inputs of a graph, or as `sources` says. All are made at once, while the adapter holds its
 * data: what is trained is lent away later.
 */
export function adapterParts(adapter: Adapter, sources: PartSources = {}): AdapterParts {
  const { parameter = (name, shape) => input(name, shape) } = sources;
  return {
    ...linearParts(adapter, sources),
    parameter: ofBothEnds(
      adapter,
      made(adapter.parameters, (name, own) => parameter(ownNames.parameter(name), own.shape, own.data)),
    ),
    rows: made(adapter.tokens, (module, { indices, data }) => {
      const n = indices.length;
      return { indices, rows: parameter(ownNames.rows(module), [n, data.length / n], data) };
    }),
  };
}

/** What `make` makes of each entry, by its key. */
function made<V, T>(map: ReadonlyMap<string, V> = new Map(), make: (key: string, value: V) => T) {
  const all = new Map([...map].map(([key, value]) => [key, make(key, value)]));
  return (key: string): T | undefined => all.get(key);
}

/** A tied output layer's weight is the embedding's. */
const ofBothEnds =
  ({ follows }: Adapter, parameter: (name: string) => Tensor | undefined) =>
  (name: string) =>
    parameter(follows && name === `${follows.head}.weight` ? `${follows.embedding}.weight` : name);

const none = () => undefined;

function linearParts(adapter: Adapter, sources: PartSources): Pick<AdapterParts, "hook" | "term" | "gain"> {
  if (isLora(adapter)) {
    const term = loraTerms(adapter, sources);
    return { hook: loraHook(term), term, gain: none };
  }
  if (isVera(adapter)) return { hook: veraHook(veraTerms(adapter, sources)), term: none, gain: none };
  const term = made(adapter.modules, (module, weights) => ({
    vector: fed(module, weights).vector!,
    feedforward: weights.feedforward,
  }));
  return { hook: ia3Hook(term), term: none, gain: (name) => biasGain(term, name) };
}

/** The tensors of a module's term, by their parts. */
function fed(module: string, weights: ModuleWeights): Record<string, Tensor> {
  const tensors = moduleTensors(module, weights);
  return Object.fromEntries(tensors.map(({ part, name, shape }) => [part, input(name, shape)]));
}

function loraTerms({ config, modules, follows }: LoraAdapter, { dropout, scale }: PartSources): TermSource {
  const own = made(modules, (module, weights): LoraTerm => {
    const { A, B, magnitude } = fed(module, weights) as { A: Tensor; B: Tensor; magnitude?: Tensor };
    return {
      A,
      B,
      magnitude,
      scale: scale ? scale(module) : scaleOf(config, module, weights.r),
      dropout: weights.embedding ? undefined : dropout?.(module, weights.in),
      start: weights.start && startOf(loraNames(module), weights),
    };
  });
  if (!follows) return own;
  const tied = own(follows.embedding);
  const headTerm = tied && {
    A: transpose(tied.B, [1, 0]),
    B: transpose(tied.A, [1, 0]),
    scale: tied.scale,
    dropout: dropout?.(follows.head, modules.get(follows.embedding)!.out),
  };
  return (module) => (module === follows.head ? headTerm : own(module));
}

/** A and B are fixed, one tensor for all modules of a width. */
function veraTerms(adapter: VeraAdapter, { dropout }: PartSources) {
  const projections = adapter.projections!;
  const { r } = projections;
  const A = remembered((width) => fixed(`vera_A ${width}`, [r, width], firstColumnsOfA(projections, width)));
  const B = remembered((height) => fixed(`vera_B ${height}`, [height, r], firstRowsOfB(projections, height)));
  const own = made(adapter.modules, (module, weights) => fed(module, weights) as { d: Tensor; b: Tensor });
  return (module: string, sizes: { in: number; out: number }): VeraTerm | undefined => {
    const vectors = own(module);
    if (!vectors) return undefined;
    return { ...vectors, A: A(sizes.in), B: B(sizes.out), dropout: dropout?.(module, sizes.in) };
  };
}

function remembered<T>(make: (size: number) => T): (size: number) => T {
  const known = new Map<number, T>();
  return (size) => {
    const one = known.get(size) ?? make(size);
    known.set(size, one);
    return one;
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
