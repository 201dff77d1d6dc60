/** An adapter in memory. Its files are read and written by peft/adapter_directory.ts. */
import type { TensorEntry } from "../files/safetensors.ts";
import { AttuneError } from "../text/errors.ts";
import type { Ia3Config, Ia3Weights } from "./ia3.ts";
import type { LoraConfig } from "./lora/lora_config.ts";
import type { Projections, VeraConfig, VeraWeights } from "./vera.ts";

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

/** An adapter of any kind; `config.type` tells which. */
export type Adapter = LoraAdapter | Ia3Adapter | VeraAdapter;
export type AdapterConfig = Adapter["config"];

/** What adapters of all kinds may have. */
interface Common {
  baseModel?: string;
  /** Parameters the adapter has of its own, by their names in the base: of modulesToSave, and trained biases. */
  parameters?: Map<string, Parameter>;
  /** By module path. */
  tokens?: Map<string, TokenRows>;
  /** Weights of the base that PEFT wrote along, by their names in PEFT's files: they stand in the base's place. */
  stored?: Map<string, TensorEntry>;
  /** The output layer that follows the embedding: what is held of this is meant of both (ensure_weight_tying). */
  follows?: { head: string; embedding: string };
}

export interface LoraAdapter extends Common {
  config: LoraConfig;
  /** Low-rank terms by module path in the base model: `model.layers.0.self_attn.q_proj`. */
  modules: Map<string, LoraWeights>;
}

export interface Ia3Adapter extends Common {
  config: Ia3Config;
  modules: Map<string, Ia3Weights>;
}

export interface VeraAdapter extends Common {
  config: VeraConfig;
  modules: Map<string, VeraWeights>;
  /** Left out by files that expect it to be drawn again: `fitAdapter` does. */
  projections?: Projections;
}

/** @throws AttuneError when `adapter`, which messages call `name`, is of another kind: then it can't be `purpose`. */
export function requireLora(adapter: Adapter, name: string, purpose: string): LoraAdapter {
  if (isLora(adapter)) return adapter;
  throw new AttuneError(`${name} is no LoRA adapter but ${adapter.config.type}, which can't be ${purpose}.`);
}

export const isLora = (adapter: Adapter): adapter is LoraAdapter => adapter.config.type === "lora";
export const isIa3 = (adapter: Adapter): adapter is Ia3Adapter => adapter.config.type === "ia3";
export const isVera = (adapter: Adapter): adapter is VeraAdapter => adapter.config.type === "vera";
