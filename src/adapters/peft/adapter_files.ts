/** PEFT's files of an adapter, adapter_config.json and adapter_model.safetensors, wherever they lie. */
import { type Folder, objectIn } from "../../files/folder.ts";
import {
  contentBytes,
  copyOf,
  readTensor,
  type Sink,
  safetensorsContent,
  type TensorEntry,
  type TensorSource,
  withOpenFile,
  writeAll,
} from "../../files/safetensors.ts";
import { allFinite } from "../../math/all_finite.ts";
import { AttuneError } from "../../text/errors.ts";
import type { Adapter, AdapterConfig, Parameter, TokenRows } from "../adapter.ts";
import { kindNamed, kindOf } from "../kinds/kinds.ts";
import { condenseTargetModules, isAllLinear } from "../targets/target_modules.ts";
import { parameterMatcher, termOfParameter } from "../targets/target_parameters.ts";
import { adapterTensorNames, sortAdapterTensors } from "./adapter_tensors.ts";
import { bothEnds } from "./both_ends.ts";
import { formatPeftConfig, parsePeftConfig } from "./peft_config.ts";

export const ADAPTER_CONFIG_FILE = "adapter_config.json";
export const WEIGHTS_FILE = "adapter_model.safetensors";

/**
 * Reads an adapter, float32, float16 or bfloat16.
 * @throws AttuneError that names what is missing, foreign, wrongly shaped or not supported.
 */
export async function readAdapterFolder(folder: Folder): Promise<Adapter> {
  const settings = await readSettings(folder);
  const header = await folder.safetensors(WEIGHTS_FILE);
  if (!header) throw missing(folder, WEIGHTS_FILE);
  return withOpenFile(header.tensors, (entries) =>
    readWeights(entries, settings, folder.place(WEIGHTS_FILE)),
  );
}

/** @param weights what messages call the file */
async function readWeights(
  entries: ReadonlyMap<string, TensorEntry>,
  { config, baseModel }: Awaited<ReturnType<typeof readSettings>>,
  weights: string,
): Promise<Adapter> {
  const sorted = sortAdapterTensors(entries, config, weights);
  const { tensors } = kindNamed(config.type)!;
  const { stored } = sorted;
  const parameters = await mapValues(sorted.parameters, readParameter);
  const tokens = await readRows(sorted.rows, config, weights);
  const adapter: Adapter = {
    config,
    baseModel,
    modules: await mapValues(sorted.modules, (term) => tensors.read(term, readFinite, config)),
    ...(parameters.size > 0 && { parameters }),
    ...(stored.size > 0 && { stored }),
    ...(tokens.size > 0 && { tokens }),
  };
  return tensors.shared ? tensors.shared.read(adapter, sorted.shared, readFinite) : adapter;
}

/** Its settings, and the name of the base it was made for. @throws AttuneError as `readAdapterFolder` does. */
export async function readSettings(folder: Folder): Promise<ReturnType<typeof parsePeftConfig>> {
  const found = await objectIn(folder, ADAPTER_CONFIG_FILE);
  if (!found) throw missing(folder, ADAPTER_CONFIG_FILE);
  return parsePeftConfig(found, folder.place(ADAPTER_CONFIG_FILE));
}

const missing = ({ path }: Folder, file: string) =>
  new AttuneError({
    code: "adapters.not-a-directory",
    place: path,
    problem: `not a PEFT adapter: ${file} missing`,
  });

/** @throws AttuneError when a number of it is none. */
async function readFinite(entry: TensorEntry): Promise<Float32Array> {
  const data = await readTensor(entry);
  if (allFinite(data)) return data;
  throw new AttuneError({
    code: "adapters.not-finite",
    place: `${entry.file}: ${entry.name}`,
    problem: "a value is not a finite number: the adapter is damaged",
  });
}

async function mapValues<A, B>(
  map: ReadonlyMap<string, A>,
  f: (value: A) => Promise<B>,
): Promise<Map<string, B>> {
  const result = new Map<string, B>();
  for (const [key, value] of map) result.set(key, await f(value));
  return result;
}

const readParameter = async (entry: TensorEntry): Promise<Parameter> => ({
  shape: entry.shape,
  data: await readFinite(entry),
});

/**
 * Which rows they are stands in the config, by the end of a module's name, or by none for the input embedding. A tied
 * output layer's, which PEFT writes along beside an enlarged vocabulary, are the embedding's.
 */
async function readRows(
  entries: ReadonlyMap<string, TensorEntry>,
  { trainableTokenIndices: wanted = [] }: AdapterConfig,
  where: string,
): Promise<Map<string, TokenRows>> {
  const rows = new Map<string, TokenRows>();
  for (const [module, entry] of entries) {
    const named = (name: string) => module === name || module.endsWith(`.${name}`);
    const byName = Array.isArray(wanted) ? [["", wanted] as const] : Object.entries(wanted);
    const [, indices] = byName.find(([name]) => named(name)) ?? byName[0]!;
    if (entry.shape.length !== 2 || entry.shape[0] !== indices.length)
      throw new AttuneError({
        code: "adapters.rows",
        place: `${where}: ${entry.name}`,
        expected: `[${indices.length}, hidden], a row for each of trainable_token_indices in adapter_config.json`,
        got: `[${entry.shape.join(", ")}]`,
      });
    rows.set(module, { indices, data: await readFinite(entry) });
  }
  return rows;
}

/** What is written into each of the files, as PEFT writes it, float32. */
export function adapterContent(adapter: Adapter): Map<string, (file: Sink) => Promise<void>> {
  const config = new TextEncoder().encode(configOf(adapter));
  return new Map([
    [WEIGHTS_FILE, safetensorsContent(tensorsOf(adapter), { format: "pt" })],
    [ADAPTER_CONFIG_FILE, (file: Sink) => writeAll(file, config)],
  ]);
}

/** The files as bytes. */
export async function adapterFiles(adapter: Adapter): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const [name, content] of adapterContent(adapter)) files[name] = await contentBytes(content);
  return files;
}

function configOf({ config, baseModel, modules }: Adapter): string {
  const { targetModules } = config;
  if (targetModules === undefined || !isAllLinear(targetModules))
    return formatPeftConfig(config, targetModules, baseModel);
  const isParameter = parameterMatcher(config.targetParameters);
  const names = [...modules.keys()].filter((name) => !isParameter(name));
  const targets = condenseTargetModules(names);
  const condensed = kindNamed(config.type)!.file.condensed?.(config, targets, names);
  return formatPeftConfig(condensed ?? config, condensed?.targetModules ?? targets, baseModel);
}

function tensorsOf(adapter: Adapter): TensorSource[] {
  const { config, modules, parameters, tokens, stored = new Map<string, TensorEntry>() } = bothEnds(adapter);
  const { tensors } = kindOf(adapter);
  const isParameter = parameterMatcher(config.targetParameters);
  const termOf = (module: string) =>
    isParameter(module) ? termOfParameter(module, config.targetParameters!) : module;
  const wrapped = (name: string) => modules.has(name.replace(/\.[^.]+$/, ""));
  const float32 = (name: string, shape: readonly number[], data: Float32Array): TensorSource => ({
    name,
    dtype: "F32",
    shape: [...shape],
    data: () => data,
  });
  return [
    ...[...modules].flatMap(([module, weights]) =>
      tensors
        .of(termOf(module), weights)
        .map(({ name, shape, data }) => float32(adapterTensorNames.term(name), shape, data)),
    ),
    ...(tensors.shared?.write(adapter) ?? []),
    ...[...(parameters ?? [])]
      .map(([name, { shape, data }]) =>
        float32(adapterTensorNames.parameter(name, wrapped(name)), shape, data),
      )
      .filter(({ name }) => !stored.has(name)),
    ...[...(tokens ?? [])].map(([module, { indices, data }]) =>
      float32(adapterTensorNames.rows(module), [indices.length, data.length / indices.length], data),
    ),
    ...[...stored].map(([name, entry]) => ({ ...copyOf(entry), name })),
  ];
}
