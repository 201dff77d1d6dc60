/** What a GGUF file tells llama.cpp about a model, and what llama.cpp can't compute. */

import type { Config, Model } from "../../../models/family.ts";
import type { HeadSizes } from "../../../models/layers.ts";
import type { Fault } from "../../../text/errors.ts";
import { f32, type GgufValue, u32 } from "../gguf_header.ts";

/** A family as llama.cpp knows it. */
export interface Architecture {
  /** `model_type` of config.json. */
  readonly modelType: string;
  describe(config: Config, model: Model): Description;
}

/** Which row of the checkpoint's weight is row `row` of llama.cpp's. */
export type RowOrder = (row: number) => number;

/** Rows of a matrix, or of each of several, that are a tensor of their own in llama.cpp. */
export interface Part {
  module: string;
  rows: number;
  order: RowOrder;
}

/** A tensor that the checkpoint doesn't hold, float32. */
export interface ExtraTensor {
  shape: readonly number[];
  values: Float32Array;
}

/** A tensor [n, rows, columns], or [n, columns], that is made of a parameter of as many slices. */
export interface Cut {
  /** llama.cpp's name, below `blk.N`. */
  name: string;
  shape: readonly number[];
  /** Which number of the parameter's slice is this of the tensor's. */
  at(row: number, column: number): number;
}

export interface Description {
  /** llama.cpp's name of the architecture. */
  readonly name: string;
  /** Without the architecture's name in front of the keys. */
  readonly metadata: Map<string, GgufValue>;
  /** llama.cpp's names of a block's modules, by the checkpoint's below `layers.N`; `#` stands for an expert's number. What is no weight or bias stands with its name. */
  readonly modules: Readonly<Record<string, string>>;
  /** The same of what lies beside the blocks. */
  readonly beside: Readonly<Record<string, string>>;
  /** Those, by llama.cpp's names, that it multiplies without an adapter's terms. */
  readonly withoutTerms: readonly string[];
  /** Those, by llama.cpp's names, whose biases it reads. */
  readonly biases: readonly string[];
  /** The norm after the last block. */
  readonly outputNorm: string;
  /** Files keep norms' weights less 1, though they start from 1. */
  readonly normsLessOne: boolean;
  /** By llama.cpp's names; where they are left out rows stay as they are. */
  readonly orders: Readonly<Record<string, RowOrder>>;
  /** The same of columns. */
  readonly columns: Readonly<Record<string, RowOrder>>;
  /** Matrices that are several of llama.cpp's: all of them, by the first one's name. */
  readonly parts: Readonly<Record<string, readonly Part[]>>;
  /** By llama.cpp's names what each number becomes; where they are left out numbers stay as they are. */
  readonly computed: Readonly<Record<string, (value: number) => number>>;
  /** Parameters that llama.cpp has in other tensors, by the name they would have. */
  readonly cuts: Readonly<Record<string, readonly Cut[]>>;
  /** Of a tied model the output layer is left out, or must be there all the same; "tied": there is no other. */
  readonly head: "optional" | "required" | "tied";
  /** Numbers of a block that llama.cpp has among its settings, by the checkpoint's names: the keys, each a list of all layers'. */
  readonly learned: Readonly<Record<string, string>>;
  /** Keys that don't begin with the architecture's name. */
  readonly plain: Map<string, GgufValue>;
  /** How many rows matrices have, by llama.cpp's names: behind the checkpoint's its first one again, as often as need be. */
  readonly rows: Readonly<Record<string, number>>;
  readonly extras: Map<string, ExtraTensor>;
  /** What llama.cpp doesn't compute, by the keys of config.json. */
  readonly faults: Omit<Fault, "code">[];
}

type Parts = Pick<Description, "name" | "modules"> &
  Partial<Pick<Description, "biases" | "orders" | "head" | "normsLessOne" | "outputNorm">> &
  Partial<Pick<Description, "columns" | "parts" | "computed" | "cuts">> &
  Partial<Pick<Description, "beside" | "withoutTerms" | "learned" | "rows">>;

export const newDescription = ({
  beside = {},
  withoutTerms = [],
  learned = {},
  rows = {},
  biases = [],
  orders = {},
  columns = {},
  parts = {},
  computed = {},
  cuts = {},
  head = "optional",
  normsLessOne = false,
  outputNorm = "output_norm",
  ...rest
}: Parts): Description => ({
  ...rest,
  beside,
  withoutTerms,
  learned,
  rows,
  biases,
  orders,
  columns,
  parts,
  computed,
  cuts,
  head,
  normsLessOne,
  outputNorm,
  metadata: new Map(),
  plain: new Map(),
  extras: new Map(),
  faults: [],
});

export function setAll(to: Description, values: Readonly<Record<string, GgufValue>>): void {
  for (const [key, value] of Object.entries(values)) to.metadata.set(key, value);
}

/** Llama's block. */
export const LLAMA_ATTENTION = {
  input_layernorm: "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
} as const;
export const LLAMA_MLP = {
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
} as const;
export const LLAMA_BLOCK = {
  ...LLAMA_ATTENTION,
  post_attention_layernorm: "ffn_norm",
  ...LLAMA_MLP,
} as const;
export const HEAD_NORMS = { "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm" } as const;
export const QKV = ["attn_q", "attn_k", "attn_v"] as const;

export interface Sizes {
  vocab_size: number;
  hidden_size: number;
  intermediate_size: number;
  num_hidden_layers: number;
  max_position_embeddings?: number | null;
}

const MOST_LAYERS = 512;

/** The sizes that llama.cpp wants to know of every model. */
export function setSizes(to: Description, c: Sizes, { K, G, E }: HeadSizes): void {
  if (!c.max_position_embeddings)
    to.faults.push({ place: "max_position_embeddings", problem: "is missing, and llama.cpp needs a length" });
  if (c.num_hidden_layers > MOST_LAYERS)
    to.faults.push({
      place: "num_hidden_layers",
      expected: `at most ${MOST_LAYERS}`,
      got: String(c.num_hidden_layers),
    });
  setAll(to, {
    vocab_size: u32(c.vocab_size),
    context_length: u32(c.max_position_embeddings ?? 0),
    embedding_length: u32(c.hidden_size),
    block_count: u32(c.num_hidden_layers),
    feed_forward_length: u32(c.intermediate_size),
    "attention.head_count": u32(K * G),
    "attention.head_count_kv": u32(K),
    "attention.key_length": u32(E),
    "attention.value_length": u32(E),
  });
}

export const setRmsNorm = (to: Description, eps: number) =>
  setAll(to, { "attention.layer_norm_rms_epsilon": f32(eps) });

export const setLayerNorm = (to: Description, eps: number) =>
  setAll(to, { "attention.layer_norm_epsilon": f32(eps) });

/** llama.cpp has one activation per architecture; its GELU is the tanh form in float16. */
export function requireActivation(
  to: Description,
  key: string,
  name: string,
  wanted: "silu" | "gelu" | "relu2",
): void {
  const kind = name === "silu" || name === "swish" ? "silu" : name === "relu2" ? "relu2" : "gelu";
  if (kind !== wanted)
    to.faults.push({
      place: key,
      problem: `llama.cpp computes ${to.name} with ${wanted}`,
      got: JSON.stringify(name),
    });
}

/** For an architecture without windows: one that is never reached changes nothing. */
export function requireNoWindow(
  to: Description,
  windows: readonly (number | undefined)[],
  positions: number | null | undefined,
): void {
  const window = windows.find((size) => size !== undefined && size < (positions ?? Number.POSITIVE_INFINITY));
  if (window === undefined) return;
  to.faults.push({
    place: "sliding_window",
    problem: `llama.cpp computes ${to.name} without a window, and beyond ${window} tokens would see more than the model was trained with`,
    got: String(window),
    wayOut: `If ${window} tokens are enough, set max_position_embeddings to ${window} in a copy of the model`,
  });
}

/** For an architecture that takes a head's size from the others. */
export function requireDerivedHeads(to: Description, hidden: number, { K, G, E }: HeadSizes): void {
  if (K * G * E === hidden) return;
  to.faults.push({
    place: "head_dim",
    problem: `llama.cpp computes ${to.name} with heads of hidden_size / num_attention_heads`,
    expected: String(hidden / (K * G)),
    got: String(E),
  });
}

/**
 * llama.cpp rotates neighbours in this architecture, the checkpoint halves of a head: number 2·j + s of a head is its
 * number s·E/2 + j.
 */
export const neighboursFromHalves =
  (E: number): RowOrder =>
  (row) => {
    const within = row % E;
    return row - within + (within % 2) * (E / 2) + Math.floor(within / 2);
  };

/** Of matrices that llama.cpp has as two of `rows` rows each, one above the other. */
export const upperAndLower = (names: readonly [string, string], rows: number): Part[] =>
  names.map((module, i) => ({
    ...{ module, rows },
    order: (row) => (2 * Math.floor(row / rows) + i) * rows + (row % rows),
  }));

export const permutedHeads = (E: number) => ({
  attn_q: neighboursFromHalves(E),
  attn_k: neighboursFromHalves(E),
});
