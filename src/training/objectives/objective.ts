import type * as z from "zod";
import type { Answers } from "../../data/tokenize/answers.ts";

/** One answer of an example, with all that comes before it. T tokens. */
export interface Branch {
  /** -log probability of each token, given those before it; 0 where it was not computed, [T]. */
  nll: Float64Array;
  /** Label weight of each token: 0 is no label, below 0 a label of a disliked answer, [T]. */
  labelWeights: Float32Array;
  /** Σ |label weight| · log probability under the reference model; 0 where the objective has none. */
  reference: number;
}

/** What a step, or an evaluation, computed. */
export interface Values {
  /** The branches of each example. */
  examples: readonly (readonly Branch[])[];
  /** Each prompt with another example's answer, where the objective asks for them. */
  mismatched: readonly Branch[];
}

/** Sums that divide a loss. They add up over the parts of a step, wherever those are computed. */
export type Totals = Readonly<Record<string, number>>;

export interface Weighed {
  /** This part's share of the step's loss: the shares add up. */
  loss: number;
  /** d loss / d nll of each token: [example][branch][T]. */
  weights: Float64Array[][];
  /** This part's share of each metric, by TRL's names. */
  metrics: Record<string, number>;
}

/**
 * What a run lowers: a function of the values of labels. The graph computes the values and the gradient of
 * Σ weight · value, so any loss L has its gradient from the weights ∂L/∂value.
 */
export interface Objective {
  /** How an example answers: once, by a chosen and a rejected answer, or by one that is rated. */
  answers: Answers;
  /** Whether answers are compared with those of the model before training. */
  usesReference: boolean;
  /** Whether the weights depend on the values: then a forward pass goes before. */
  looksFirst: boolean;
  /** Whether the values of a prompt's tokens are needed, too. */
  readsPrompts?: boolean;
  /** Whether each prompt is also computed with another example's answer. */
  mismatches?: boolean;
  /** Of values that may be part of a step. */
  measure(values: Values): Totals;
  /** @param totals the sum of what was measured over the whole step */
  weigh(values: Values, totals: Totals): Weighed;
}

/** Sequences that an example has. */
export const branchesOf = (answers: Answers): number => (answers === "pair" ? 2 : 1);

/** A kind of objective: what a recipe may say of it, and what that means. */
export interface ObjectiveKind<Settings extends z.ZodType = z.ZodType> {
  settings: Settings;
  /** Highest learning rate where the recipe gives none; the method's own when left out. */
  learningRate?: number;
  open(settings: z.output<Settings>): Objective;
}

export const objectiveKind = <Settings extends z.ZodType>(kind: ObjectiveKind<Settings>) => kind;

/** Σ |label weight| · log probability of an answer. */
export function logProbability({ nll, labelWeights }: Branch): number {
  let sum = 0;
  for (let t = 0; t < nll.length; t++) sum -= Math.abs(labelWeights[t]!) * nll[t]!;
  return sum;
}

/** Number of an answer's labels. Nothing predicts a first token. */
export function labelCount({ labelWeights }: Pick<Branch, "labelWeights">): number {
  let count = 0;
  for (let t = 1; t < labelWeights.length; t++) if (labelWeights[t] !== 0) count++;
  return count;
}

/** d loss / d nll [T] of an answer whose log probability has the slope d loss / d logProbability. */
export const byLabel = ({ labelWeights }: Branch, slope: number): Float64Array =>
  Float64Array.from(labelWeights, (weight) => -Math.abs(weight) * slope);

/** 1 / (1 + e^-x) */
export const logistic = (x: number): number =>
  x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));

/** log(sigmoid(x)), exact far from 0, too. */
export const logSigmoid = (x: number): number => Math.min(x, 0) - Math.log1p(Math.exp(-Math.abs(x)));
