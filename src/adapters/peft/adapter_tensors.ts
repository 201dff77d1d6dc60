/** The tensors of adapter_model.safetensors: what each name means. */
import { AttuneError, type Fault } from "../../text/errors.ts";
import type { AdapterConfig } from "../adapter.ts";
import type { FileTerm, Kind, Shaped } from "../kinds/kind.ts";
import { KINDS, kindNamed } from "../kinds/kinds.ts";
import { savedModuleOf } from "../targets/modules_to_save.ts";
import { parameterOfTerm } from "../targets/target_parameters.ts";
import { baseLayer, ofBase, PREFIX, peftSpelling } from "./tensor_names.ts";

const ROWS = ".token_adapter.trainable_tokens_delta";

/** Names in the file, of what an adapter holds. */
export const adapterTensorNames = {
  /** Of what the graph calls `name`: see `ModuleTensor`. */
  term: (name: string) => `${PREFIX}${name}`,
  /** A parameter of the base; `wrapped` when its module has a term. */
  parameter: (name: string, wrapped: boolean) => `${PREFIX}${wrapped ? baseLayer(name) : name}`,
  rows: (module: string) => `${PREFIX}${module}${ROWS}`,
};

export interface AdapterTensors<T> {
  modules: Map<string, FileTerm<T>>;
  /** By their names in the base. */
  parameters: Map<string, T>;
  /** By their names in PEFT's files. */
  stored: Map<string, T>;
  /** By module. */
  rows: Map<string, T>;
  /** What all terms share, by its names in the file. */
  shared: Map<string, T>;
}

/**
 * Sorts the tensors of a file by their names and shapes alone.
 * @param where the file's path
 * @throws AttuneError that names every tensor which is foreign, half of a pair, or of another shape than its rank says.
 */
export function sortAdapterTensors<T extends Shaped>(
  tensors: ReadonlyMap<string, T>,
  config: AdapterConfig,
  where: string,
): AdapterTensors<T> {
  if (tensors.size === 0)
    throw new AttuneError({ code: "adapters.empty", place: where, problem: "the adapter holds no tensors" });
  const kind = kindNamed(config.type)!;
  const { named, adapters } = peftNames(tensors, kind, where);
  const { modules, rest } = sortTerms(named, config);
  const faults = [...modules].flatMap(([module, term]) => kind.tensors.fault(module, term, config) ?? []);
  const { names = [], faults: sharedFaults } = kind.tensors.shared ?? {};
  const shared = new Map([...rest].filter(([name]) => names.includes(name)));
  for (const name of shared.keys()) rest.delete(name);
  faults.push(...(sharedFaults?.(shared, config) ?? []));
  const sorted: AdapterTensors<T> = {
    modules,
    shared,
    parameters: new Map(),
    stored: new Map(),
    rows: new Map(),
  };
  const foreign = [...rest].filter(([name, tensor]) => !place(name, tensor, { config, adapters, sorted }));
  const all: Fault[] = [
    ...faults.map((problem) => ({ code: "adapters.wrong-tensor", problem })),
    ...foreign.map(([name]) => ({
      code: "adapters.foreign-tensor",
      place: name,
      problem: strangeness(name, config),
    })),
  ];
  if (all.length > 0)
    throw new AttuneError({
      code: "adapters.tensors",
      place: where,
      problem: "its tensors are not those of the adapter that adapter_config.json describes",
      wayOut: "Save the adapter again with PEFT, config and tensors together",
      faults: all,
    });
  return sorted;
}

/** The tensors by the names that PEFT gives them, and the adapter's name, where the file has it in the names. */
function peftNames<T>(tensors: ReadonlyMap<string, T>, { tensors: own }: Kind, where: string) {
  const shared = (own.shared?.names ?? []).map((name) => name.split(".").at(-1)!);
  const peftName = peftSpelling([...Object.keys(own.parts), ...shared, ROWS.split(".").at(-1)!]);
  const named = new Map<string, T>();
  const adapters = new Set<string>();
  for (const [key, tensor] of tensors) {
    const { name, adapter } = peftName(key);
    if (named.has(name))
      throw new AttuneError({
        code: "adapters.double-tensor",
        place: where,
        problem: `${key} is there twice, with an adapter's name in it and without, or with two`,
        wayOut: "Save one adapter with PEFT's save_pretrained(selected_adapters=[name])",
      });
    named.set(name, tensor);
    if (adapter !== undefined) adapters.add(adapter);
  }
  if (adapters.size > 1)
    throw new AttuneError({
      code: "adapters.several",
      place: where,
      problem: `it holds the adapters ${[...adapters].slice(0, 5).join(", ")}`,
      wayOut: "Save one of them with PEFT's save_pretrained(selected_adapters=[name])",
    });
  return { named, adapters };
}

/** Why a tensor has no place. */
function strangeness(name: string, { type }: AdapterConfig): string {
  if (!name.startsWith("base_model.")) return `PEFT's names begin with ${PREFIX}`;
  const hint = kindNamed(type)!.tensors.hint?.(name);
  if (hint !== undefined) return hint;
  if (name.endsWith(ROWS)) return "trainable_token_indices is null, and these are its rows";
  return `no tensor of an adapter of type ${type.toUpperCase()}`;
}

function sortTerms<T>(tensors: ReadonlyMap<string, T>, config: AdapterConfig) {
  const { parts, hasPart } = kindNamed(config.type)!.tensors;
  const keys = Object.keys(parts).filter((key) => hasPart?.(parts[key]!, config) ?? true);
  const modules = new Map<string, FileTerm<T>>();
  const rest = new Map<string, T>();
  for (const [name, tensor] of tensors) {
    const key = keys.find((end) => name.startsWith(PREFIX) && name.endsWith(`.${end}`));
    if (!key) {
      rest.set(name, tensor);
      continue;
    }
    const term = name.slice(PREFIX.length, -key.length - 1);
    const parameter = parameterOfTerm(term, config.targetParameters ?? []);
    const module = parameter ?? term;
    const known = modules.get(module);
    modules.set(module, {
      ...known,
      ...(parameter !== undefined && { parameter }),
      parts: { ...known?.parts, [parts[key]!]: tensor },
      ...(key.includes("embedding") && { embedding: true }),
    });
  }
  return { modules, rest };
}

/** Parts of terms, of whichever kind: they are no parameters of a base. */
const TERMS = new RegExp(
  `\\.(${KINDS.flatMap(({ tensors }) => Object.keys(tensors.parts))
    .map((part) => part.replace(/\.weight$/, ""))
    .join("|")})(\\.|$)`,
);

interface Placing<T> {
  config: AdapterConfig;
  /** The adapter's name in the file. */
  adapters: ReadonlySet<string>;
  sorted: AdapterTensors<T>;
}

/** Whether `config` has use for what is no part of a low-rank term. */
function place<T>(name: string, tensor: T, { config, adapters, sorted }: Placing<T>): boolean {
  if (!name.startsWith(PREFIX)) return false;
  const own = name.slice(PREFIX.length);
  const hasRows = config.trainableTokenIndices !== undefined;
  if (own.endsWith(ROWS)) {
    if (hasRows) sorted.rows.set(own.slice(0, -ROWS.length), tensor);
    return hasRows;
  }
  const copy = copiedName(own, adapters);
  if (copy !== undefined) {
    if (!sorted.parameters.has(copy)) sorted.parameters.set(copy, tensor);
    return savedModuleOf(config.modulesToSave, copy) !== undefined || isTying(config);
  }
  if (TERMS.test(own) || /\.token_adapter\.(?!base_layer\.)/.test(own)) return false;
  return /\.(weight|bias)$/.test(own) && placeParameter(name, tensor, config, sorted);
}

const isTying = (config: AdapterConfig) => config.ensureWeightTying === true;

/** PEFT writes a module that is trained whole under its own name and, beside an enlarged vocabulary, as a copy, too. */
function copiedName(own: string, adapters: ReadonlySet<string>): string | undefined {
  const [, module, rest] = /^(.+)\.modules_to_save\.(.+)$/.exec(own) ?? [];
  if (module === undefined) return undefined;
  const [first, ...more] = rest!.split(".");
  const isNamed = more.length > 0 && (first === "default" || adapters.has(first!));
  return `${module}.${isNamed ? more.join(".") : rest}`;
}

/** A parameter that is trained, or a weight of the base that PEFT wrote along. */
function placeParameter<T>(
  name: string,
  tensor: T,
  config: AdapterConfig,
  { modules, parameters, stored }: AdapterTensors<T>,
): boolean {
  const base = ofBase(name);
  const around = wrapping(name);
  const isAdapted = modules.has(base.replace(/\.[^.]+$/, ""));
  const isSaved = savedModuleOf(config.modulesToSave, base) !== undefined;
  const isTrained = isSaved ? around === undefined : isTrainedBias(base, config, isAdapted);
  if (isTrained && (around !== undefined) === isAdapted) {
    parameters.set(base, tensor);
    return true;
  }
  if (around !== wrappingOf({ isAdapted, isSaved }) && !isOtherEnd(around, config)) return false;
  stored.set(name, tensor);
  if (around === undefined && isTying(config)) parameters.set(base, tensor); // may be the other end
  return true;
}

/** What PEFT has put around the layer: nothing of a layer it left alone. */
type Wrapping = "base_layer" | "original_module" | "token_adapter.base_layer" | undefined;

const wrapping = (name: string): Wrapping =>
  /\.(token_adapter\.base_layer|base_layer|original_module)\./.exec(name)?.[1] as Wrapping;

function wrappingOf({ isAdapted, isSaved }: { isAdapted: boolean; isSaved: boolean }): Wrapping {
  if (isSaved) return "original_module";
  return isAdapted ? "base_layer" : undefined;
}

/** A tied end is wrapped as the other one. */
const isOtherEnd = (around: Wrapping, config: AdapterConfig): boolean =>
  (around === "token_adapter.base_layer" && config.trainableTokenIndices !== undefined) ||
  (around === "original_module" && isTying(config));

function isTrainedBias(base: string, config: AdapterConfig, isAdapted: boolean): boolean {
  const { bias = "none" } = config;
  return base.endsWith(".bias") && bias !== "none" && (isAdapted || bias === "all");
}
