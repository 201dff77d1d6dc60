import type { Tensor } from "../graph/tensor.ts";
import type { DeltaInputs } from "./delta_rule.ts";
import type { Scope } from "./scope.ts";

/** Which keys a query may see beyond those of its own branch, and how scores become weights. */
export interface AttentionOptions {
  /** Factor of query · key, usually head_dim ** -0.5. */
  scale: number;
  /** A query sees this many tokens back, itself included; everything when left out. */
  window?: number;
  /** Bounds the scaled products: softcap · tanh(x / softcap); not at all when left out. */
  softcap?: number;
  /** A score for each query head [K·G], whose share of the weights goes nowhere; none when left out. */
  sinks?: Tensor;
}

export interface BeforeOptions {
  /** Sequences lie side by side, none within another: then rows are moved, which is faster than to look them up. */
  sideBySide: boolean;
}

/** What a decoder is computed over. T tokens, K key/value heads, G query heads a key/value head, E head_dim. */
export interface Pass {
  /** int64 [T]. */
  readonly tokens: Tensor;
  /** int32 [T], counted from the start of each sequence. */
  readonly positions: Tensor;
  /**
   * int32 [T]: tokens of the sequence each token is part of, as far as this pass knows it; of the longest branch where it
   * branches behind the token. Rotations whose frequencies depend on the length ask for it.
   */
  lengths(): Tensor;
  /** Rows of the embedding's weight [V, D] at `tokens`: [T, D]; while training, with the noise that the pass adds. */
  embed(weight: Tensor): Tensor;
  /** q [T, K, G, E], k and v [T, K, E] of `layer`, rotated -> [T, K·G·E]. Layers may read another's keys and values. */
  attend(layer: number, q: Tensor, k: Tensor, v: Tensor, options: AttentionOptions): Tensor;
  /** Rows of x [T, D], of `layer`, as they were one, two … `count` tokens before each token; zeros before its sequence. */
  before(layer: number, x: Tensor, count: number, options: BeforeOptions): Tensor[];
  /** Rows of zeros that each expert of a mixture computes beside its tokens': 1 where products of no rows can't be computed. */
  readonly spareRows: 0 | 1;
  /** What `layer`'s memory gives each token, [T, H, G, Dv]: see delta_rule.ts. */
  deltaRule(layer: number, inputs: DeltaInputs): Tensor;
}

export interface DecoderOutput {
  /** Normed last hidden states [T, D], scaled where a family scales its logits. */
  hidden: Tensor;
  /** Weight of the output layer [V, D]; the embedding's own where they are tied. */
  head: Tensor;
  /** Logits are softcap · tanh(x / softcap) of x = hidden · headᵀ; x itself when left out. */
  softcap?: number;
}

/** What later tokens read of a token in one layer, by name: its shape. */
export type KeptStates = Readonly<Record<string, readonly number[]>>;

/** What the rest of attune needs to know of a model's sizes, whatever its family. */
export interface Dimensions {
  vocabSize: number;
  hiddenSize: number;
  layers: number;
  keyValueHeads: number;
  headDim: number;
  /** What decoding keeps of each token, by layer: shapes by name. Keys and values of all heads where it is left out. */
  kept?: readonly KeptStates[];
  /** Longest sequence the model was made for, when it says. */
  maxPositions?: number;
  /**
   * Rotations of a sequence longer than this depend on its length (rope types dynamic and longrope): one that outgrows it
   * is read again, whole, as transformers does for Phi-3.
   */
  shortLength?: number;
}

/** A model whose config.json has been read: everything that is left is to compute. */
export interface Model {
  readonly modelType: string;
  readonly dimensions: Dimensions;
  /** The output layer shares the embedding's weight. */
  readonly tied: boolean;
  /** Module paths of the embedding and of the output layer, whether or not that has a weight of its own. */
  readonly ends: { readonly embedding: string; readonly head: string };
  /** Standard deviation of freshly made weights. */
  readonly initializerRange: number;
  /** What norms' weights start from: 0 where a family adds 1 to them. */
  readonly normStart: 0 | 1;
  /** Vectors that start from 1 nevertheless. */
  readonly startFromOne?: RegExp;
  /** Tensors that files may bring along, and that nothing is computed with. They stay as they are. */
  readonly unread?: RegExp;
  /** Ids of tokens in whose places the model sees an image or hears a sound: no text has them. */
  readonly media?: readonly number[];
  decode(scope: Scope, pass: Pass): DecoderOutput;
}

/** Where the parts of a model lie in its checkpoint. */
export interface Names {
  /** What stands before the names of all parameters but the output layer's. */
  readonly root: string;
  readonly embedding: string;
  readonly layers: string;
  readonly norm: string;
  readonly head: string;
  /** What else lies in the root. */
  readonly others?: readonly string[];
  /** Another name under which transformers finds the output layer. */
  readonly headAlias?: string;
  /** What names begin with in files, and here: transformers' own conversions. Files are written by the first that fits. */
  readonly inFiles?: readonly (readonly [inFile: string, here: string])[];
  /** Modules that text is not computed with. They stay as they are. */
  readonly beside?: readonly string[];
}

/** The keys of config.json that tell a model's outer sizes. */
export interface SizeKeys {
  readonly vocabSize: string;
  readonly hiddenSize: string;
  readonly layers: string;
}

/** One architecture: `model_type` of config.json, and how to read the rest of it. */
export interface Family {
  readonly modelType: string;
  /** Llama's when left out. */
  readonly names?: Names;
  /** Other names of keys, as transformers' `attribute_map` has them; they go before the keys themselves. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** By the names most families use, when left out. */
  readonly sizeKeys?: SizeKeys;
  /** Layers may be of different shapes, as `per_layer_config` says. */
  readonly layersDiffer?: boolean;
  /** Of a model that also sees images: the key that describes its text model, and that model's own config. */
  readonly textPart?: { readonly key: string; config(config: Config): Config };
  read(config: Config): Model;
}

export type Config = Readonly<Record<string, unknown>>;
