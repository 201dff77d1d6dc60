/** What attune asks of a kind of adapter. Adding one: a file beside this, and its line in kinds.ts. */
import type * as z from "zod";
import type { TensorEntry, TensorSource } from "../../files/safetensors.ts";
import type { DropoutWords } from "../../graph/ops/dropout.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { ExpertsSite } from "../../models/layout.ts";
import type { Fault } from "../../text/errors.ts";
import type { AdapterParts } from "../adapt_model.ts";
import type { Adapter, AdapterConfig } from "../adapter.ts";
import type { PeftFile } from "../peft/peft_file.ts";
import type { Settings } from "../settings.ts";
import type { AdaptedShape, LayerShape, Sites } from "../targets/sites.ts";
import type { TargetModules } from "../targets/target_modules.ts";

export interface Kind<C extends AdapterConfig = AdapterConfig, W extends object = object> {
  /** In recipes; PEFT's peft_type is the same in capitals. */
  readonly type: string;
  /** A fresh adapter in a recipe. */
  readonly schema: z.ZodObject;
  /** Of which the schema is made, and by PEFT's names adapter_config.json. */
  readonly settings: Settings;
  readonly file: PeftFile<C>;
  readonly tensors: TermTensors<C, W>;
  /** Whether the embedding and the output layer can have a term. */
  readonly adaptsEnds: boolean;
  /** What PEFT takes for settings that a file leaves null, by the base's model_type. */
  readonly defaults: Readonly<Record<string, Partial<C>>>;

  /** @throws AttuneError that names every setting out of its range; `where` says whose settings they are. */
  check(config: C, where: string): void;
  /** LoRA, DoRA, … */
  nameOf(config: C): string;
  /** As a run's header calls it: LoRA, r 8, alpha 16. */
  describe(config: C): string;
  /** The highest rate of a run that gives none. */
  readonly learningRate: number;

  /** A recipe's settings with the modules it leaves out, where that is not PEFT's choice; `linears` are the model's. */
  complete?(config: C, linears: readonly string[]): C;
  /** @throws AttuneError that names what of a new adapter's settings its modules can't have. */
  checkPlan?(plan: AdapterPlan<C>, options: PlanOptions): void;
  /** The terms of a new adapter, before its first step. */
  start(plan: AdapterPlan<C>, from: StartSources): Promise<Begun<C, W>>;

  /** What a file's adapter lacks, or has otherwise, for a base of these sites; `wanted` are its settings as meant there. */
  faults?(adapter: Adapter<C, W>, wanted: C, sites: Sites): Fault[];
  /** With what its files leave out. */
  fitted?(adapter: Adapter<C, W>, sites: Sites): Adapter<C, W>;
  /** As files can hold it: what was initialized from the base is expressed relative to the base again. */
  finished?(adapter: Adapter<C, W>): Adapter<C, W>;
  /** The term of a tied output layer from the embedding's, or the other way round; where terms can't be tied left out. */
  otherEnd?(weights: W): W;

  /** What it makes of linear layers, as tensors of a graph. */
  parts(adapter: Adapter<C, W>, sources: PartSources): TermParts;
  /** Adapters of one signature run on one compiled graph; nothing where the graph carries what is the adapter's own. */
  signature(adapter: Adapter<C, W>): string | undefined;
  /** A module's scale where it is fed with the term, so that graphs need not know it. */
  fedScale?(adapter: Adapter<C, W>): ((module: string) => number) | undefined;

  /** Its terms by module, where they are low-rank ones of linear layers and all that it is. */
  lowRank?(adapter: Adapter<C, W>): ReadonlyMap<string, LowRankTerm> | undefined;

  /** What becomes of the base's weights when it is merged, by their names. */
  merge(adapter: Adapter<C, W>, base: MergeBase): Map<string, Change>;
  /** The adapter whose merge takes this one's back, or why there is none. */
  inverse(adapter: Adapter<C, W>, base: Pick<MergeBase, "linears">): Adapter | Refusal;
}

/** Why something can't be, after the adapter's name: "is DoRA: …". */
export interface Refusal {
  problem: string;
}

/** A new adapter's settings, and the modules of a model that they mean. */
export interface AdapterPlan<C extends AdapterConfig = AdapterConfig> {
  config: C & { targetModules: TargetModules };
  /** The settings as they are meant of this base: see `withTiedEnds`. */
  meant: AdapterConfig & { targetModules: TargetModules };
  sites: Sites;
  targets: string[];
  follows?: Adapter["follows"];
}

export interface PlanOptions {
  /** The weights are there as they were before they were quantized. */
  keepsUnquantized: boolean;
}

/** A number of [0, 1) that depends on nothing but these: a module's start does not depend on which others are adapted. */
export type Uniform = (purpose: string, index: number) => number;

/** Readers of a base's weights as [out, in] in float32, as the base has them, and before they were quantized. */
export interface BaseWeights {
  weightOf(module: string): Promise<Float32Array>;
  unquantizedOf(module: string): Promise<Float32Array>;
}

/** Called before each module with how many are done, of how many. */
export type OnModule = (done: number, total: number) => void;

export interface StartSources {
  base: BaseWeights;
  uniform: Uniform;
  onModule?: OnModule;
}

/** What a kind adds to a new adapter. */
export interface Begun<C, W> {
  modules: Map<string, W>;
  /** The settings that the adapter keeps, where they are others than the plan's. */
  config?: C;
}

/** A trained tensor of a module. */
export interface ModuleTensor {
  /** Its key in the weights. */
  part: string;
  /** As the graph and PEFT's files (behind their prefix) know it. */
  name: string;
  shape: readonly number[];
  data: Float32Array;
  /** Learns at a rate of its own under LoRA+ (Hayou et al. 2024, https://arxiv.org/abs/2402.12354). */
  rate?: "B" | "embedding";
  /** Is fed with the term's scale, where that is fed. */
  scaled?: boolean;
}

export interface Shaped {
  readonly shape: readonly number[];
}

/** The term of one module, as tensors of the file by their parts. */
export interface FileTerm<T> {
  parts: Record<string, T>;
  embedding?: boolean;
  /** The parameter of experts that it is for. */
  parameter?: string;
}

/** The tensors of a kind's terms, in memory and in PEFT's files. */
export interface TermTensors<C extends AdapterConfig, W extends object> {
  of(module: string, weights: W): ModuleTensor[];
  /** The layer it is for, as far as the tensors tell. */
  shape(weights: W): Partial<AdaptedShape>;
  /** What stands behind a module's name in the file, and the part it is. */
  parts: Readonly<Record<string, string>>;
  /** Whether an adapter of these settings has a part; all when left out. */
  hasPart?(part: string, config: C): boolean;
  /** Why a tensor of this name has no place, where that is known. */
  hint?(name: string): string | undefined;
  /** What is wrong with a term of the file, by its names and shapes. */
  fault(module: string, term: FileTerm<Shaped>, config: C): string | undefined;
  read(term: FileTerm<TensorEntry>, read: ReadTensor, config: C): Promise<W>;
  /** Tensors that all terms share. */
  shared?: SharedTensors<C, W>;
}

export type ReadTensor = (entry: TensorEntry) => Promise<Float32Array>;

export interface SharedTensors<C extends AdapterConfig, W extends object> {
  /** Their names in the file. */
  names: readonly string[];
  faults(tensors: ReadonlyMap<string, Shaped>, config: C): string[];
  /** The adapter with those that its file has. */
  read(
    adapter: Adapter<C, W>,
    tensors: ReadonlyMap<string, TensorEntry>,
    read: ReadTensor,
  ): Promise<Adapter<C, W>>;
  write(adapter: Adapter<C, W>): TensorSource[];
}

/** Dropout of a term's input, while training. */
export interface Dropout {
  p: number;
  words: DropoutWords;
}

/** How a graph comes by the parts of an adapter. */
export interface PartSources {
  /** Parameters and rows of the adapter's own; fed when left out. */
  parameter?(name: string, shape: readonly number[], data: Float32Array): Tensor;
  dropout?(module: string, width: number): Dropout | undefined;
  /** The scale of a module's term, the config's when left out. */
  scale?(module: string): number;
}

export type TermParts = Pick<AdapterParts, "hook"> & Partial<Pick<AdapterParts, "term" | "gain" | "experts">>;

/** The base that an adapter is merged into. */
export interface MergeBase {
  linears: ReadonlyMap<string, LayerShape>;
  /** How mixtures' experts are kept, by the parameters that transformers keeps them in. */
  experts: ReadonlyMap<string, ExpertsSite>;
  /** Modules whose weights are kept as [in, out]. */
  transposed: ReadonlySet<string>;
  hasBias(module: string): boolean;
}

/** What becomes of a weight, given as the base keeps it; `addProduct` gives W + scale · B·A. */
export type Change = (weight: Float32Array, addProduct: AddProduct) => Promise<Float32Array> | Float32Array;

export type AddProduct = (weight: Float32Array, product: Product, scale: number) => Promise<Float32Array>;

/** scale · B·A·x of a linear layer. */
export interface LowRankTerm extends Product {
  scale: number;
}

/** B [out, r] · A [r, in]. */
export interface Product {
  A: Float32Array;
  B: Float32Array;
  r: number;
  in: number;
  out: number;
}
