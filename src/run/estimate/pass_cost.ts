import type { Model } from "../../models/family.ts";
import { linearNumbers, modelLayout } from "../../models/layout.ts";

/** A pass over T tokens, S of which predict labels. */
export interface PassSize {
  T: number;
  S: number;
}

/** Multiplications of a pass, from which its time follows but for a factor that is measured. */
export type PassCost = (size: PassSize) => number;

/** Tokens that a pass costs beyond its own: weights are read and widened for each, however short it is. */
const FIXED = 32;

/**
 * Of a pass without gradients: linear layers, the output layer for each label, and attention's two products; the last
 * layers of a pass that few tokens leave are counted whole.
 */
export function forwardCost(model: Model, { inIntegers }: { inIntegers?: boolean } = {}): PassCost {
  const { linear, head, attention } = parts(model, inIntegers);
  return ({ T, S }) => linear * (T + FIXED) + head * S + 2 * attention * T ** 2;
}

/**
 * Of a pass with them. Gradients by activations cost as much as the forward pass; by weights, where those are trained, as
 * much again. Attention is computed twice, and its gradient is four products.
 */
export function trainingCost(
  model: Model,
  {
    trainsWeights,
    recomputes,
    inIntegers,
  }: { trainsWeights: boolean; recomputes: boolean; inIntegers?: boolean },
): PassCost {
  const { linear, head, attention } = parts(model, inIntegers);
  const times = (trainsWeights ? 3 : 2) + Number(recomputes);
  return ({ T, S }) =>
    times * linear * (T + FIXED) + (trainsWeights ? 3 : 2) * head * S + 8 * attention * T ** 2;
}

/** How many products of 8-bit integers are computed in the time of one in float32, rounding included. */
const INTEGERS = 2.5;

function parts(model: Model, inIntegers = false) {
  const factor = inIntegers ? INTEGERS : 1;
  const { hiddenSize, vocabSize, layers } = model.dimensions;
  return {
    linear: linearNumbers(modelLayout(model)) / factor,
    head: hiddenSize * vocabSize,
    attention: hiddenSize * layers,
  };
}
