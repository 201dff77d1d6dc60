/** The tensors of adapter_model.safetensors: what each name means. */
import { AttuneError, type Fault } from "../../text/errors.ts";
import type { AdapterConfig } from "../adapter.ts";
import { type Ia3Config, isFeedforward } from "../ia3.ts";
import { type LoraConfig, rankOf } from "../lora/lora_config.ts";
import { loraNames } from "../lora/lora_term.ts";
import { ia3Name, veraNames } from "../module_tensors.ts";
import { moduleOf } from "../targets/modules_to_save.ts";
import type { VeraConfig } from "../vera.ts";
import { baseLayer, ofBase, PREFIX, peftName } from "./tensor_names.ts";

const ROWS = ".token_adapter.trainable_tokens_delta";

/** Names in the file, of what an adapter holds. */
export const fileNames = {
  /** Of what the graph calls `name`: see `moduleTensors`. */
  term: (name: string) => `${PREFIX}${name}`,
  /** A parameter of the base; `wrapped` when its module has a term. */
  parameter: (name: string, wrapped: boolean) => `${PREFIX}${wrapped ? baseLayer(name) : name}`,
  rows: (module: string) => `${PREFIX}${module}${ROWS}`,
  projections: { A: "base_model.vera_A", B: "base_model.vera_B" },
};

interface Shaped {
  readonly shape: readonly number[];
}

/** The term of one module, as tensors of the file by their parts: LoRA's A, B and magnitude, (IA)³'s vector, VeRA's d and b. */
export interface TermTensors<T> {
  parts: Record<string, T>;
  embedding?: boolean;
}

export interface AdapterTensors<T> {
  modules: Map<string, TermTensors<T>>;
  /** By their names in the base. */
  parameters: Map<string, T>;
  /** By their names in PEFT's files. */
  stored: Map<string, T>;
  /** By module. */
  rows: Map<string, T>;
  /** VeRA's, when the file holds them. */
  projections?: { A: T; B: T };
}

/** How a kind of adapter keeps its terms. */
interface TermFiles {
  /** Matches a name: the module first, then what `parts` knows. */
  pattern: RegExp;
  parts: Readonly<Record<string, string>>;
  fault(module: string, term: TermTensors<Shaped>, config: AdapterConfig): string | undefined;
}

const TERMS: Record<AdapterConfig["type"], TermFiles> = {
  lora: {
    pattern:
      /^base_model\.model\.(.+)\.(lora_(?:A\.weight|B\.weight|embedding_A|embedding_B|magnitude_vector))$/,
    parts: {
      "lora_A.weight": "A",
      "lora_B.weight": "B",
      lora_embedding_A: "A",
      lora_embedding_B: "B",
      lora_magnitude_vector: "magnitude",
    },
    fault: (module, term, config) => loraFault(module, term, config as LoraConfig),
  },
  ia3: {
    pattern: /^base_model\.model\.(.+)\.(ia3_l)$/,
    parts: { ia3_l: "vector" },
    fault: (module, term, config) => ia3Fault(module, term, config as Ia3Config),
  },
  vera: {
    pattern: /^base_model\.model\.(.+)\.(vera_lambda_[bd])$/,
    parts: { vera_lambda_d: "d", vera_lambda_b: "b" },
    fault: (module, term, config) => veraFault(module, term, config as VeraConfig),
  },
};

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
    throw new AttuneError({ code: "adapter.empty", place: where, problem: "the adapter holds no tensors" });
  const { named, adapters } = peftNames(tensors, where);
  const { modules, rest } = sortTerms(named, config);
  const faults = [...modules].flatMap(
    ([module, term]) => TERMS[config.type].fault(module, term as TermTensors<Shaped>, config) ?? [],
  );
  const sorted: AdapterTensors<T> = {
    modules,
    parameters: new Map(),
    stored: new Map(),
    rows: new Map(),
  };
  if (config.type === "vera") faults.push(...takeProjections(rest, config, sorted));
  const foreign = [...rest].filter(([name, tensor]) => !place(name, tensor, { config, adapters, sorted }));
  const all: Fault[] = [
    ...faults.map((problem) => ({ code: "adapter.wrong-tensor", problem })),
    ...foreign.map(([name]) => ({
      code: "adapter.foreign-tensor",
      place: name,
      problem: strangeness(name, config),
    })),
  ];
  if (all.length > 0)
    throw new AttuneError({
      code: "adapter.tensors",
      place: where,
      problem: "its tensors are not those of the adapter that adapter_config.json describes",
      wayOut: "Save the adapter again with PEFT, config and tensors together",
      faults: all,
    });
  return sorted;
}

/** The tensors by the names that PEFT gives them, and the adapter's name, where the file has it in the names. */
function peftNames<T>(tensors: ReadonlyMap<string, T>, where: string) {
  const named = new Map<string, T>();
  const adapters = new Set<string>();
  for (const [key, tensor] of tensors) {
    const { name, adapter } = peftName(key);
    if (named.has(name))
      throw new AttuneError({
        code: "adapter.double-tensor",
        place: where,
        problem: `${key} is there twice, with an adapter's name in it and without, or with two`,
        wayOut: "Save one adapter with PEFT's save_pretrained(selected_adapters=[name])",
      });
    named.set(name, tensor);
    if (adapter !== undefined) adapters.add(adapter);
  }
  if (adapters.size > 1)
    throw new AttuneError({
      code: "adapter.several",
      place: where,
      problem: `it holds the adapters ${[...adapters].slice(0, 5).join(", ")}`,
      wayOut: "Save one of them with PEFT's save_pretrained(selected_adapters=[name])",
    });
  return { named, adapters };
}

/** Why a tensor has no place. */
function strangeness(name: string, config: AdapterConfig): string {
  if (!name.startsWith("base_model.")) return `PEFT's names begin with ${PREFIX}`;
  if (/\.lora_[AB]\.bias$/.test(name)) return "lora_bias is not computed";
  if (name.endsWith(".lora_magnitude_vector")) return "use_dora is false, and this is DoRA's";
  if (name.endsWith(ROWS)) return "trainable_token_indices is null, and these are its rows";
  return `no tensor of ${config.type === "ia3" ? "an" : "a"} ${config.type.toUpperCase()} adapter`;
}

function sortTerms<T>(tensors: ReadonlyMap<string, T>, config: AdapterConfig) {
  const { pattern, parts } = TERMS[config.type];
  const modules = new Map<string, TermTensors<T>>();
  const rest = new Map<string, T>();
  for (const [name, tensor] of tensors) {
    const [, module, key] = pattern.exec(name) ?? [];
    const part = key && parts[key];
    if (!module || !part || (part === "magnitude" && !(config as LoraConfig).useDora)) {
      rest.set(name, tensor);
      continue;
    }
    const known = modules.get(module);
    modules.set(module, {
      ...known,
      parts: { ...known?.parts, [part]: tensor },
      ...(key.startsWith("lora_embedding") && { embedding: true }),
    });
  }
  return { modules, rest };
}

function loraFault(
  module: string,
  { parts: { A, B, magnitude }, embedding }: TermTensors<Shaped>,
  config: LoraConfig,
): string | undefined {
  const names = loraNames(module, embedding);
  const named = (part: "A" | "B" | "magnitude") => `${PREFIX}${names[part]}`;
  const r = rankOf(config, module);
  if (!A) return `${named("A")} is missing`;
  if (!B) return `${named("B")} is missing`;
  if (A.shape.length !== 2 || A.shape[0] !== r)
    return `${named("A")} must be [${r}, in] (r is ${r}), got [${A.shape.join(", ")}]`;
  if (B.shape.length !== 2 || B.shape[1] !== r)
    return `${named("B")} must be [out, ${r}] (r is ${r}), got [${B.shape.join(", ")}]`;
  if (config.useDora && !magnitude) return `${named("magnitude")} is missing`;
  if (magnitude && magnitude.shape.join() !== `${B.shape[0]}`)
    return `${named("magnitude")} must be [${B.shape[0]}], got [${magnitude.shape.join(", ")}]`;
}

function ia3Fault(
  module: string,
  { parts: { vector } }: TermTensors<Shaped>,
  config: Ia3Config,
): string | undefined {
  const { shape } = vector!;
  if (config.feedforwardModules === undefined)
    return shape.length === 2 && shape.includes(1)
      ? undefined
      : `${PREFIX}${ia3Name(module)} must be [out, 1] or [1, in], got [${shape.join(", ")}]`;
  const [length, wanted] = isFeedforward(config, module) ? [1, "[1, in]"] : [0, "[out, 1]"];
  if (shape.length === 2 && shape[1 - length] === 1) return undefined;
  return `${PREFIX}${ia3Name(module)} must be ${wanted}, got [${shape.join(", ")}]`;
}

function veraFault(
  module: string,
  { parts: { d, b } }: TermTensors<Shaped>,
  { r }: VeraConfig,
): string | undefined {
  const names = veraNames(module);
  if (!d) return `${PREFIX}${names.d} is missing`;
  if (!b) return `${PREFIX}${names.b} is missing`;
  if (d.shape.join() !== `${r}`) return `${PREFIX}${names.d} must be [${r}], got [${d.shape.join(", ")}]`;
  if (b.shape.length !== 1) return `${PREFIX}${names.b} must be [out], got [${b.shape.join(", ")}]`;
}

/** Takes VeRA's shared matrices out of `rest`. */
function takeProjections<T extends Shaped>(
  rest: Map<string, T>,
  { r, saveProjection }: VeraConfig,
  sorted: AdapterTensors<T>,
): string[] {
  const [A, B] = [rest.get(fileNames.projections.A), rest.get(fileNames.projections.B)];
  for (const name of Object.values(fileNames.projections)) rest.delete(name);
  if (!saveProjection) return A || B ? ["save_projection is false, and the file holds vera_A or vera_B"] : [];
  if (!A || !B)
    return [
      `${A ? fileNames.projections.B : fileNames.projections.A} is missing, which save_projection announces`,
    ];
  const faults: string[] = [];
  if (A.shape.length !== 2 || A.shape[0] !== r)
    faults.push(`${fileNames.projections.A} must be [${r}, in] (r is ${r}), got [${A.shape.join(", ")}]`);
  if (B.shape.length !== 2 || B.shape[1] !== r)
    faults.push(`${fileNames.projections.B} must be [out, ${r}] (r is ${r}), got [${B.shape.join(", ")}]`);
  sorted.projections = { A, B };
  return faults;
}

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
  const hasRows = config.type === "lora" && config.trainableTokenIndices !== undefined;
  if (own.endsWith(ROWS)) {
    if (hasRows) sorted.rows.set(own.slice(0, -ROWS.length), tensor);
    return hasRows;
  }
  const copy = copiedName(own, adapters);
  if (copy !== undefined) {
    if (!sorted.parameters.has(copy)) sorted.parameters.set(copy, tensor);
    return moduleOf(config.modulesToSave, copy) !== undefined || isTying(config);
  }
  if (/(^|\.)(lora_|ia3_|vera_|token_adapter\.(?!base_layer\.))/.test(own)) return false;
  return /\.(weight|bias)$/.test(own) && placeParameter(name, tensor, config, sorted);
}

const isTying = (config: AdapterConfig) => config.type === "lora" && config.ensureWeightTying === true;

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
  const isSaved = moduleOf(config.modulesToSave, base) !== undefined;
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
  (around === "token_adapter.base_layer" &&
    config.type === "lora" &&
    config.trainableTokenIndices !== undefined) ||
  (around === "original_module" && isTying(config));

function isTrainedBias(base: string, config: AdapterConfig, isAdapted: boolean): boolean {
  const { bias = "none" } = config.type === "ia3" ? {} : config;
  return base.endsWith(".bias") && bias !== "none" && (isAdapted || bias === "all");
}
