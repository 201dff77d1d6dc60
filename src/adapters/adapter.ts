/** An adapter in memory. Its files are read and written by peft/adapter_directory.ts; kinds/ says what a kind makes of it. */
import type { TensorEntry } from "../files/safetensors.ts";

export interface Parameter {
  shape: readonly number[];
  data: Float32Array;
}

/** Rows of a module's weight: data [indices, D]. */
export interface TokenRows {
  indices: readonly number[];
  data: Float32Array;
}

/** What the settings of any kind may say. */
export interface AdapterConfig {
  /** Which kind of adapter it is. */
  type: string;
  /** Endings of module names, or a regular expression for whole names, or "all-linear"; PEFT's choice for the family when left out. */
  targetModules?: string[] | string;
  /** Endings of module names, or a regular expression for whole names, that get no adapter after all. */
  excludeModules?: string[] | string;
  /** Parameters of experts that get a term, by how their names end. */
  targetParameters?: string[];
  /** Numbers of the layers that get an adapter, all when left out. */
  layersToTransform?: number[] | number;
  /** Names under which a model keeps its layers: `layers`, `h`. */
  layersPattern?: string[] | string;
  /** Probability with which an input of a term is zeroed in training; the rest is divided by 1 − dropout. */
  dropout?: number;
  /** Biases that are trained as well: "all", or those of adapted layers. */
  bias?: string;
  /** Modules trained whole: those whose name ends so. */
  modulesToSave?: string[];
  /** Rows of the embedding trained one by one; by module name, or of the input embedding. */
  trainableTokenIndices?: number[] | Record<string, number[]>;
  /** Tied ends stay tied: what is trained of one is trained of both. */
  ensureWeightTying?: boolean;
  /** The base keeps its weights as [in, out]: PEFT notes it, and the base's family knows it. */
  fanInFanOut?: boolean;
}

/** `C` its settings, `W` what it holds of a module: its kind's business. */
export interface Adapter<C extends AdapterConfig = AdapterConfig, W extends object = object> {
  config: C;
  /** Terms by module path in the base model: `model.layers.0.self_attn.q_proj`. */
  modules: Map<string, W>;
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
