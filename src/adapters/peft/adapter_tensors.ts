/** The tensors of adapter_model.safetensors: what each name means. */
import { AttuneError } from "../../text/errors.ts";
import { listed } from "../../text/listed.ts";
import type { AdapterConfig } from "../adapter.ts";
import { type Ia3Config, isFeedforward } from "../ia3.ts";
import { loraNames } from "../lora/lora.ts";
import { type LoraConfig, rankOf } from "../lora/lora_config.ts";
import { ia3Name, veraNames } from "../module_tensors.ts";
import { moduleOf } from "../targets/modules_to_save.ts";
import type { VeraConfig } from "../vera.ts";

const PREFIX = "base_model.model.";
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

/** a.b.bias -> a.b.base_layer.bias */
const baseLayer = (name: string) => name.replace(/\.([^.]+)$/, ".base_layer.$1");

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
  const { modules, rest } = sortTerms(tensors, config);
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
  for (const [name, tensor] of rest)
    if (!place(name, tensor, config, modules, sorted))
      faults.push(`${name} is no tensor of this kind of adapter`);
  if (faults.length > 0) throw new AttuneError(`${where}: ${listed(faults)}`);
  if (tensors.size === 0) throw new AttuneError(`${where}: the adapter holds no tensors.`);
  return sorted;
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
  const [length, wanted] = isFeedforward(config, module) ? [1, "[1, in]"] : [0, "[out, 1]"];
  const { shape } = vector!;
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

/** Whether `config` has use for what is no part of a low-rank term. */
function place<T>(
  name: string,
  tensor: T,
  config: AdapterConfig,
  terms: ReadonlyMap<string, unknown>,
  sorted: AdapterTensors<T>,
): boolean {
  if (!name.startsWith(PREFIX)) return false;
  const own = name.slice(PREFIX.length);
  const bias = (config.type === "ia3" ? undefined : config.bias) ?? "none";
  if (own.endsWith(ROWS) && config.type === "lora" && config.trainableTokenIndices) {
    sorted.rows.set(own.slice(0, -ROWS.length), tensor);
    return true;
  }
  const [, module, parameter] = /^(.+)\.base_layer\.(weight|bias)$/.exec(own) ?? [];
  if (module !== undefined) {
    const isEnd = config.type === "lora" && /(^|\.)(embed_tokens|lm_head)$/.test(module);
    const isStored = parameter === "weight" && terms.has(module) && isEnd;
    const isTrained = parameter === "bias" && terms.has(module) && bias !== "none";
    if (isStored) sorted.stored.set(`${module}.${parameter}`, tensor);
    if (isTrained) sorted.parameters.set(`${module}.${parameter}`, tensor);
    return isStored || isTrained;
  }
  const isBias = bias === "all" && own.endsWith(".bias");
  const isSaved = moduleOf(config.modulesToSave, own) !== undefined && !/\.(lora_|ia3_l$|vera_)/.test(own);
  if (isBias || isSaved) sorted.parameters.set(own, tensor);
  return isBias || isSaved;
}
