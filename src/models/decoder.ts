import * as z from "zod";
import { scale, shift } from "../graph/ops/elementwise.ts";
import { keep } from "../graph/ops/keep.ts";
import { concat, reshape } from "../graph/ops/shape.ts";
import { zerosLike } from "../graph/ops/zeros.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { BlockPart } from "./blocks.ts";
import { activation, headCount, headSize, hiddenSize, layerCount, size } from "./config.ts";
import type { DecoderOutput, KeptStates, Model, Names, Pass } from "./family.ts";
import type { HeadSizes, Norm } from "./layers.ts";
import { type RopeParameters, ropeFields } from "./rope_config.ts";
import type { Scope } from "./scope.ts";

/** What the Llama-shaped families' config.json have in common. */
export const decoderFields = z.looseObject({
  ...ropeFields,
  vocab_size: size,
  hidden_size: hiddenSize,
  intermediate_size: size,
  num_hidden_layers: layerCount,
  num_attention_heads: headCount,
  num_key_value_heads: headCount.nullish(),
  head_dim: headSize.nullish(),
  hidden_act: activation.default("silu"),
  rms_norm_eps: z.number().nonnegative().default(1e-6),
  initializer_range: z.number().nonnegative().default(0.02),
  tie_word_embeddings: z.boolean().default(false),
});
export type DecoderFields = z.output<typeof decoderFields>;

/** What every family's config.json says, by the names most use. */
type Fields = Pick<
  DecoderFields,
  | "vocab_size"
  | "hidden_size"
  | "num_hidden_layers"
  | "max_position_embeddings"
  | "tie_word_embeddings"
  | "initializer_range"
>;

/** Llama's, and most families'. */
export const LLAMA: Names = {
  root: "model",
  embedding: "embed_tokens",
  layers: "layers",
  norm: "norm",
  head: "lm_head",
};

/** What blocks start from: the root's scope, and what the first one reads. */
export interface BlocksStart {
  root: Scope;
  x: Tensor;
}

/** What differs from family to family. */
export interface DecoderParts {
  modelType: string;
  /** The blocks of one pass: x [T, D] through block `layer`, whose parameters are those of `p`. */
  blocks(pass: Pass, start: BlocksStart): BlockPart;
  /** The norm after the last block. */
  norm: Norm;
  /** Left out where positions aren't rotated in. */
  rope?: RopeParameters;
  /** What becomes of the embedded tokens [T, D] before the first block; `p` is the root's scope. */
  embedded?: (x: Tensor, p: Scope, pass: Pass) => Tensor;
  /** What becomes of the last block's output before the norm. */
  closed?: (x: Tensor, p: Scope) => Tensor;
  /** The output layer has a bias. */
  headBias?: boolean;
  /** Factor of the logits. */
  logitScale?: number;
  /** Bound of the logits: see DecoderOutput. */
  softcap?: number;
  names?: Names;
  /** What decoding keeps of a token in a layer, where not all layers attend. */
  kept?: (layer: number) => KeptStates;
  /** See Model. */
  normStart?: 0 | 1;
  startFromOne?: RegExp;
  unread?: RegExp;
}

/** A model: embedding, blocks, norm, output layer. */
export function decoder(c: Fields, heads: HeadSizes, parts: DecoderParts): Model {
  const {
    modelType,
    norm,
    rope,
    embedded = (x) => x,
    closed = (x) => x,
    headBias = false,
    logitScale = 1,
    softcap,
    names = LLAMA,
    kept,
    normStart = 1,
    startFromOne,
    unread,
  } = parts;
  return {
    modelType,
    dimensions: {
      vocabSize: c.vocab_size,
      hiddenSize: c.hidden_size,
      layers: c.num_hidden_layers,
      keyValueHeads: heads.K,
      headDim: heads.E,
      kept: kept && Array.from({ length: c.num_hidden_layers }, (_, layer) => kept(layer)),
      maxPositions: longest(c, rope),
      shortLength: rope && shortLength(rope),
    },
    tied: c.tie_word_embeddings,
    ends: { embedding: `${names.root}.${names.embedding}`, head: names.head },
    initializerRange: c.initializer_range,
    normStart,
    startFromOne,
    unread,
    decode(scope, pass) {
      const root = scope.at(names.root);
      const weight = (p: Scope) => p.param("weight", [c.vocab_size, c.hidden_size]);
      const embedding = weight(root.at(names.embedding));
      let x = embedded(pass.embed(embedding), root, pass); // [T, D]
      const block = parts.blocks(pass, { root, x });
      for (let layer = 0; layer < c.num_hidden_layers; layer++)
        x = block(root.at(`${names.layers}.${layer}`), keep(x), layer);
      const normed = norm(root.at(names.norm), closed(x, root));
      const hidden = logitScale === 1 ? normed : scale(normed, logitScale);
      const head = c.tie_word_embeddings ? embedding : weight(scope.at(names.head));
      if (!headBias) return { hidden, head, softcap };
      return { ...withBias(hidden, head, scope.at(names.head).param("bias", [c.vocab_size])), softcap };
    },
  };
}

/** What `withBias` put together, apart again, where it did: logits are hidden · headᵀ + bias. */
export function splitBias(output: DecoderOutput): DecoderOutput & { bias?: Tensor } {
  const { hidden, head } = output;
  if (head.op.name !== "concat") return output;
  return { ...output, hidden: hidden.inputs[0]!, head: head.inputs[0]!, bias: head.inputs[1]!.inputs[0]! };
}

/** hidden [T, D] and head [V, D] with one column more, whose product is the bias [V]. */
function withBias(hidden: Tensor, head: Tensor, bias: Tensor) {
  const ones = shift(zerosLike(hidden, 1, 1), 1); // [T, 1]
  return { hidden: concat([hidden, ones], -1), head: concat([head, reshape(bias, [bias.shape[0]!, 1])], -1) };
}

/** A dynamic rope stretches `max_position_embeddings`; other files already say what is stretched. */
function longest({ max_position_embeddings: positions }: Fields, rope?: RopeParameters): number | undefined {
  return rope?.type === "dynamic" ? Math.floor(rope.maxPositions * rope.factor) : (positions ?? undefined);
}

function shortLength(rope: RopeParameters): number | undefined {
  if (rope.type === "dynamic") return rope.maxPositions;
  if (rope.type === "longrope") return rope.originalMaxPositions;
  return undefined;
}
