import { adaptModel, adaptParameters } from "../adapters/adapt_model.ts";
import { adapterParts, ownNames } from "../adapters/graph_parts.ts";
import { loraHook, loraNames } from "../adapters/lora.ts";
import type { Adapter } from "../adapters/peft.ts";
import type { TensorEntry } from "../checkpoints/safetensors.ts";
import { input } from "../graph/sources.ts";
import type { Model } from "../models/family.ts";
import { frozenParameters } from "../models/frozen.ts";
import { createScope, type Scope } from "../models/scope.ts";
import { type DropoutSource, noDropout } from "./dropout_words.ts";
import { type Trainable, trainable } from "./trainable.ts";

/** What of a model is trained, and how the model is computed with it. */
export interface Method {
  trainables: Trainable[];
  /** Probability of dropout while training; above 0, rows are fed its words. */
  dropout: number;
  /** The parameters as the graph sees them; `training` switches dropout on. */
  scope(training: boolean): Scope;
  /** The model as the graph sees it. */
  adapt(model: Model, training: boolean): Model;
}

/** What LoRA's learning rate is multiplied by: LoRA+ (Hayou et al. 2024, https://arxiv.org/abs/2402.12354). */
export interface LoraRates {
  /** Of B, and of vectors, as PEFT's create_loraplus_optimizer groups them. */
  B?: number;
  /** Of an embedding's A and B. */
  embedding?: number;
}

interface LoraOptions {
  rates?: LoraRates;
  /** Module path of the model's embedding, where the adapter has one of its own. */
  embedding?: string;
}

/** An adapter over frozen weights; what it holds is trained. */
export function loraMethod(
  tensors: ReadonlyMap<string, TensorEntry>,
  adapter: Adapter,
  dropout: DropoutSource = noDropout,
  { rates, embedding = "" }: LoraOptions = {},
): Method {
  const frozen = frozenParameters(new Map([...tensors, ...(adapter.stored ?? [])]));
  const parts = { training: adapterParts(adapter, { dropout }), evaluation: adapterParts(adapter) };
  const partsOf = (training: boolean) => (training ? parts.training : parts.evaluation);
  return {
    trainables: adapterTrainables(adapter, rates),
    dropout: adapter.config.dropout,
    scope(training) {
      const own = partsOf(training);
      return createScope(adaptParameters(frozen, own, embedding), loraHook(own.term));
    },
    adapt: (model, training) => adaptModel(model, partsOf(training)),
  };
}

function adapterTrainables({ modules, parameters, tokens }: Adapter, rates: LoraRates = {}): Trainable[] {
  const ofVector = (shape: readonly number[]) => (shape.length === 1 ? rates.B : undefined);
  return [
    ...[...modules].flatMap(([module, { A, B, magnitude, r, in: inputs, out, embedding }]) => {
      const names = loraNames(module, embedding);
      return [
        trainable(names.A, [r, inputs], A, embedding ? rates.embedding : undefined),
        trainable(names.B, [out, r], B, embedding ? rates.embedding : rates.B),
        ...(magnitude ? [trainable(names.magnitude, [out], magnitude, rates.B)] : []),
      ];
    }),
    ...[...(parameters ?? [])].map(([name, { shape, data }]) =>
      trainable(ownNames.parameter(name), shape, data, ofVector(shape)),
    ),
    ...[...(tokens ?? [])].map(([module, { indices, data }]) =>
      trainable(ownNames.rows(module), [indices.length, data.length / indices.length], data),
    ),
  ];
}

/** All weights, as float32 masters. */
export function fullMethod(
  weights: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>,
): Method {
  return {
    trainables: [...weights].map(([name, { shape, data }]) => trainable(name, shape, data)),
    dropout: 0,
    scope: () => createScope((name, shape) => input(name, shape)),
    adapt: (model) => model,
  };
}
