/** The tensors of adapter_model.safetensors: what each name means. */
import { AttuneError } from "../errors.ts";
import { listed } from "./listed.ts";
import { loraNames } from "./lora.ts";
import { type LoraConfig, rankOf } from "./lora_config.ts";
import { moduleOf } from "./modules_to_save.ts";

const PREFIX = "base_model.model.";
const ROWS = ".token_adapter.trainable_tokens_delta";

/** Names in the file, of what an adapter holds. */
export const fileNames = {
  part: (module: string, part: "A" | "B" | "magnitude", embedding?: boolean) =>
    `${PREFIX}${loraNames(module, embedding)[part]}`,
  /** A parameter of the base; `wrapped` when its module has a low-rank term. */
  parameter: (name: string, wrapped: boolean) => `${PREFIX}${wrapped ? baseLayer(name) : name}`,
  rows: (module: string) => `${PREFIX}${module}${ROWS}`,
};

/** a.b.bias -> a.b.base_layer.bias */
const baseLayer = (name: string) => name.replace(/\.([^.]+)$/, ".base_layer.$1");

interface Shaped {
  readonly shape: readonly number[];
}

/** The low-rank term of one module, as tensors of the file. */
export interface TermTensors<T> {
  A: T;
  B: T;
  magnitude?: T;
  r: number;
  in: number;
  out: number;
  embedding?: boolean;
}

export interface AdapterTensors<T> {
  modules: Map<string, TermTensors<T>>;
  /** By their names in the base. */
  parameters: Map<string, T>;
  stored: Map<string, T>;
  /** By module. */
  rows: Map<string, T>;
}

/**
 * Sorts the tensors of a file by their names and shapes alone.
 * @param where the file's path
 * @throws AttuneError that names every tensor which is foreign, half of a pair, or of another shape than its rank says.
 */
export function sortAdapterTensors<T extends Shaped>(
  tensors: ReadonlyMap<string, T>,
  config: LoraConfig,
  where: string,
): AdapterTensors<T> {
  const faults: string[] = [];
  const sorted: AdapterTensors<T> = {
    modules: new Map(),
    parameters: new Map(),
    stored: new Map(),
    rows: new Map(),
  };
  const parts = new Map<string, Partial<TermTensors<T>>>();
  const rest: [string, T][] = [];
  for (const [name, tensor] of tensors) {
    const found = termPart(name, config);
    if (!found) rest.push([name, tensor]);
    else
      parts.set(found.module, {
        ...parts.get(found.module),
        [found.part]: tensor,
        ...(found.embedding && { embedding: true }),
      });
  }
  for (const [module, part] of parts) {
    const fault = termFault(module, part, config);
    if (fault) faults.push(fault);
    else sorted.modules.set(module, sizes(part as TermTensors<T>, rankOf(config, module)));
  }
  for (const [name, tensor] of rest)
    if (!place(name, tensor, config, parts, sorted))
      faults.push(`${name} is no tensor of this kind of adapter`);
  if (faults.length > 0) throw new AttuneError(`${where}: ${listed(faults)}`);
  if (tensors.size === 0) throw new AttuneError(`${where}: the adapter holds no tensors.`);
  return sorted;
}

function termPart(name: string, { useDora }: LoraConfig) {
  const [, module, part] =
    /^base_model\.model\.(.+)\.lora_(A\.weight|B\.weight|embedding_A|embedding_B|magnitude_vector)$/.exec(
      name,
    ) ?? [];
  if (module === undefined) return undefined;
  if (part === "magnitude_vector")
    return useDora ? { module, part: "magnitude" as const, embedding: false } : undefined;
  const embedding = part!.startsWith("embedding");
  return { module, part: (embedding ? part!.at(-1) : part![0]) as "A" | "B", embedding };
}

const sizes = <T extends Shaped>(term: TermTensors<T>, r: number): TermTensors<T> => ({
  ...term,
  r,
  in: term.A.shape[1]!,
  out: term.B.shape[0]!,
});

function termFault(
  module: string,
  term: Partial<TermTensors<Shaped>>,
  config: LoraConfig,
): string | undefined {
  const { A, B, magnitude, embedding } = term;
  const named = (part: "A" | "B" | "magnitude") => fileNames.part(module, part, embedding);
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

/** Whether `config` has use for what is no part of a low-rank term. */
function place<T>(
  name: string,
  tensor: T,
  config: LoraConfig,
  terms: ReadonlyMap<string, unknown>,
  sorted: AdapterTensors<T>,
): boolean {
  if (!name.startsWith(PREFIX)) return false;
  const own = name.slice(PREFIX.length);
  if (own.endsWith(ROWS) && config.trainableTokenIndices) {
    sorted.rows.set(own.slice(0, -ROWS.length), tensor);
    return true;
  }
  const [, module, parameter] = /^(.+)\.base_layer\.(weight|bias)$/.exec(own) ?? [];
  if (module !== undefined) {
    const isStored =
      parameter === "weight" && terms.has(module) && /(^|\.)(embed_tokens|lm_head)$/.test(module);
    const isTrained = parameter === "bias" && terms.has(module) && (config.bias ?? "none") !== "none";
    if (isStored) sorted.stored.set(`${module}.${parameter}`, tensor);
    if (isTrained) sorted.parameters.set(`${module}.${parameter}`, tensor);
    return isStored || isTrained;
  }
  const isBias = config.bias === "all" && own.endsWith(".bias");
  const isSaved = moduleOf(config.modulesToSave, own) !== undefined && !own.includes(".lora_");
  if (isBias || isSaved) sorted.parameters.set(own, tensor);
  return isBias || isSaved;
}
