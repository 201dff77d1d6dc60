import { loraHook, loraNames } from "../adapters/lora.ts";
import { loraScale } from "../adapters/lora_config.ts";
import type { Adapter } from "../adapters/peft.ts";
import type { TensorEntry } from "../checkpoints/safetensors.ts";
import { input } from "../graph/sources.ts";
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
}

/** LoRA over frozen weights, starting from `adapter`. */
export function loraMethod(
  tensors: ReadonlyMap<string, TensorEntry>,
  adapter: Adapter,
  dropoutOf: DropoutSource = noDropout,
): Method {
  const frozen = frozenParameters(tensors);
  const hook = (training: boolean) =>
    loraHook((module) => {
      const weights = adapter.modules.get(module);
      if (!weights) return undefined;
      const names = loraNames(module);
      return {
        A: input(names.A, [weights.r, weights.in]),
        B: input(names.B, [weights.out, weights.r]),
        scale: loraScale(adapter.config),
        dropout: training ? dropoutOf(module, weights.in) : undefined,
      };
    });
  return {
    trainables: [...adapter.modules].flatMap(([module, { A, B, r, in: inputs, out }]) => {
      const names = loraNames(module);
      return [trainable(names.A, [r, inputs], A), trainable(names.B, [out, r], B)];
    }),
    dropout: adapter.config.dropout,
    scope: (training) => createScope(frozen, hook(training)),
  };
}

/** All weights, as float32 masters. */
export function fullMethod(
  weights: ReadonlyMap<string, { shape: readonly number[]; data: Float32Array }>,
): Method {
  return {
    trainables: [...weights].map(([name, { shape, data }]) => trainable(name, shape, data)),
    dropout: 0,
    scope: () => createScope((name, shape) => input(name, shape)),
  };
}
