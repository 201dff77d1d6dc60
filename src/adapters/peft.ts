/** An adapter in memory. Its files are read and written by checkpoints/adapter_directory.ts. */
import type { TensorEntry } from "../checkpoints/safetensors.ts";
import { AttuneError } from "../errors.ts";
import { listed } from "./listed.ts";
import { type LoraConfig, rankOf } from "./lora_config.ts";
import { savedParameters } from "./modules_to_save.ts";
import { type LayerShape, type Sites, siteShape } from "./sites.ts";
import { adapterMatcher, isAllLinear } from "./target_modules.ts";
import { tokenIndices } from "./token_rows.ts";

export interface LoraWeights {
  A: Float32Array; // [r, in]
  B: Float32Array; // [out, r]
  r: number;
  in: number;
  out: number;
  /** DoRA's, [out]. */
  magnitude?: Float32Array;
  /** The module is an embedding: in = vocabulary, out = hidden. */
  embedding?: boolean;
  /** What A and B began as, taken out of the base's weight: PiSSA and OLoRA. Files never hold it. */
  start?: { A: Float32Array; B: Float32Array };
}

export interface Parameter {
  shape: readonly number[];
  data: Float32Array;
}

/** Rows of a module's weight: data [indices, D]. */
export interface TokenRows {
  indices: readonly number[];
  data: Float32Array;
}

export interface Adapter {
  config: LoraConfig;
  baseModel?: string;
  /** Low-rank terms by module path in the base model: `model.layers.0.self_attn.q_proj`. */
  modules: Map<string, LoraWeights>;
  /** Parameters the adapter has of its own, by their names in the base: of modulesToSave, and trained biases. */
  parameters?: Map<string, Parameter>;
  /** By module path. */
  tokens?: Map<string, TokenRows>;
  /** The base's weights that PEFT stores beside the terms of an embedding or output layer, by their names in the base. */
  stored?: Map<string, TensorEntry>;
}

/**
 * @throws AttuneError when the adapter was made for another base: parts that the base lacks or has in another shape, or
 *   that the adapter's own settings mean and for which it holds no tensors, or the other way round.
 */
export function checkAdapterFits(adapter: Adapter, sites: Sites): void {
  const faults = [
    ...moduleFaults(adapter, sites),
    ...parameterFaults(adapter, sites),
    ...tokenFaults(adapter, sites),
  ];
  if (faults.length === 0) return;
  const madeFor = adapter.baseModel ? ` It was made for ${adapter.baseModel}.` : "";
  throw new AttuneError(`The adapter does not fit the model: ${listed(faults)}${madeFor}`);
}

function moduleFaults({ config, modules }: Adapter, sites: Sites): string[] {
  const isMeant = adapterMatcher(config);
  const faults: string[] = [];
  for (const [module, weights] of modules) {
    const base = siteShape(sites, module);
    if (!base || (module === sites.embedding) !== Boolean(weights.embedding))
      faults.push(`${module}: the model has no such linear layer`);
    else if (base.in !== weights.in || base.out !== weights.out)
      faults.push(`${module}: the model has ${shown(base)}, the adapter is for ${shown(weights)}`);
    else if (!isMeant(module))
      faults.push(`${module}: the adapter has tensors for it, its target_modules leave it out`);
  }
  const ends = isAllLinear(config.targetModules) ? [] : [sites.embedding, sites.head];
  for (const module of [...sites.linears.keys(), ...ends])
    if (isMeant(module) && !modules.has(module)) faults.push(`${module}: the adapter's tensors are missing`);
  return faults;
}

const shown = ({ in: inputs, out }: LayerShape) => `[${out}, ${inputs}]`;

function parameterFaults({ config, modules, parameters = new Map() }: Adapter, sites: Sites): string[] {
  const wanted = new Set(savedParameters(config, sites, [...modules.keys()]));
  const faults = [...wanted]
    .filter((name) => !parameters.has(name))
    .map((name) => `${name}: the adapter's settings mean it, its files lack it`);
  for (const [name, { shape }] of parameters as Map<string, Parameter>) {
    const base = sites.parameters.get(name);
    if (!base) faults.push(`${name}: the model has no such parameter`);
    else if (base.join() !== shape.join())
      faults.push(`${name}: the model has [${base.join(", ")}], the adapter [${shape.join(", ")}]`);
    else if (!wanted.has(name)) faults.push(`${name}: the adapter's settings leave it out`);
  }
  return faults;
}

function tokenFaults({ config, tokens = new Map() }: Adapter, sites: Sites): string[] {
  const faults: string[] = [];
  const wanted = tokenIndices(config, sites);
  for (const [module, { indices, data }] of tokens as Map<string, TokenRows>)
    if (!wanted.has(module)) faults.push(`${module}: the adapter's settings mean no rows of it`);
    else if (data.length !== indices.length * sites.hiddenSize)
      faults.push(
        `${module}: the adapter's rows are ${data.length / indices.length} wide, the model's ${sites.hiddenSize}`,
      );
  for (const module of wanted.keys())
    if (!tokens.has(module)) faults.push(`${module}: the adapter's rows are missing`);
  return faults;
}

/**
 * @throws AttuneError that names every module whose rank is above what its matrix can have.
 */
export function checkRanks(config: LoraConfig, shapes: ReadonlyMap<string, LayerShape>): void {
  const faults = [...shapes].flatMap(([module, shape]) => {
    const [r, most] = [rankOf(config, module), Math.min(shape.in, shape.out)];
    return r > most ? [`${module}: rank ${r} is above the matrix's, ${most}`] : [];
  });
  if (faults.length > 0) throw new AttuneError(`adapter: ${listed(faults)}`);
}
