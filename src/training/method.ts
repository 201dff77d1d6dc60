import { adaptedScope, adaptModel } from "../adapters/adapt_model.ts";
import type { Adapter } from "../adapters/adapter.ts";
import { adapterParts, ownNames } from "../adapters/graph_parts.ts";
import { kindOf } from "../adapters/kinds/kinds.ts";
import { withStored } from "../adapters/stored_weights.ts";
import type { TensorEntry } from "../files/safetensors.ts";
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

interface AdapterOptions {
  rates?: LoraRates;
  /** Module path of the model's embedding, where the adapter has one of its own. */
  embedding?: string;
}

/** An adapter over frozen weights; what it holds is trained. */
export function adapterMethod(
  tensors: ReadonlyMap<string, TensorEntry>,
  adapter: Adapter,
  dropout: DropoutSource = noDropout,
  { rates, embedding = "" }: AdapterOptions = {},
): Method {
  const frozen = frozenParameters(withStored(tensors, adapter.stored));
  const parts = { training: adapterParts(adapter, { dropout }), evaluation: adapterParts(adapter) };
  const partsOf = (training: boolean) => (training ? parts.training : parts.evaluation);
  return {
    trainables: adapterTrainables(adapter, rates),
    dropout: dropoutOf(adapter),
    scope: (training) => adaptedScope(frozen, partsOf(training), embedding),
    adapt: (model, training) => adaptModel(model, partsOf(training)),
  };
}

/** Probability with which the input of a term is zeroed. */
export const dropoutOf = ({ config }: Adapter): number => config.dropout ?? 0;

/** Vectors that an adapter adds are no biases or norms: they are decayed, as in PEFT's and transformers' groups. */
function adapterTrainables(adapter: Adapter, rates: LoraRates = {}): Trainable[] {
  const { modules, parameters, tokens } = adapter;
  const { tensors } = kindOf(adapter);
  const ofVector = (shape: readonly number[]) => (shape.length === 1 ? rates.B : undefined);
  return [
    ...[...modules].flatMap(([module, weights]) =>
      tensors
        .of(module, weights)
        .map(({ name, shape, data, rate }) =>
          trainable(name, shape, data, { rate: rate && rates[rate], decayed: true }),
        ),
    ),
    ...[...(parameters ?? [])].map(([name, { shape, data }]) =>
      trainable(ownNames.parameter(name), shape, data, { rate: ofVector(shape) }),
    ),
    ...[...(tokens ?? [])].map(([module, { indices, data }]) =>
      trainable(ownNames.rows(module), [indices.length, data.length / indices.length], data),
    ),
  ];
}

/** Weights of the model itself, as float32 masters: all, or some over `frozen` ones. */
export function fullMethod(
  weights: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>,
  frozen: ReadonlyMap<string, TensorEntry> = new Map(),
): Method {
  const rest = frozenParameters(frozen);
  return {
    trainables: [...weights].map(([name, { shape, data }]) => trainable(name, shape, data)),
    dropout: 0,
    scope: () =>
      createScope((name, shape, isBuffer) =>
        weights.has(name) ? input(name, shape) : rest(name, shape, isBuffer),
      ),
    adapt: (model) => model,
  };
}
