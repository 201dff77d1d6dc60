import { AttuneError } from "../text/errors.ts";

/** How the next token is chosen. transformers' parameters, with its meaning and its order: penalty, temperature, k, p, min-p. */
export interface Sampling {
  /** Divides the logits; 0 takes the likeliest token, and what follows below but the penalty is not looked at. */
  temperature: number;
  /** Only the k likeliest; 0 for all. */
  topK?: number;
  /** Only the likeliest tokens that together reach this probability; 1 for all. */
  topP?: number;
  /** Only tokens at least this fraction as likely as the likeliest; 0 for all. */
  minP?: number;
  /** Above 1, tokens of the prompt and the answer so far become less likely: logits are divided, negative ones multiplied. */
  repetitionPenalty?: number;
}

/** @throws AttuneError that names every setting out of its range. */
export function checkSampling(sampling: Sampling): void {
  const { temperature, topK = 0, topP = 1, minP = 0, repetitionPenalty = 1 } = sampling;
  const faults = [
    !(temperature >= 0 && temperature < Infinity) && `temperature must be 0 or more, got ${temperature}`,
    !(Number.isInteger(topK) && topK >= 0) && `topK must be a whole number, 0 for all, got ${topK}`,
    !(topP > 0 && topP <= 1) && `topP must be above 0 and up to 1, got ${topP}`,
    !(minP >= 0 && minP <= 1) && `minP must be from 0 to 1, got ${minP}`,
    !(repetitionPenalty > 0 && repetitionPenalty < Infinity) &&
      `repetitionPenalty must be above 0, got ${repetitionPenalty}`,
  ].filter((fault) => fault !== false);
  if (faults.length > 0) throw new AttuneError(`sampling: ${faults.join("; ")}`);
}

/**
 * The token after `history`.
 * @param logits [V], of the next token.
 * @param uniform of [0, 1): where in the distribution.
 */
export function chooseToken(
  logits: Float32Array,
  history: readonly number[],
  sampling: Sampling,
  uniform: () => number,
): number {
  if (sampling.temperature === 0) return likeliest(penalized(logits, history, sampling.repetitionPenalty));
  return pick(nextTokenWeights(logits, history, sampling), uniform());
}

/** What each token's chance [V] is proportional to; 0 where it is ruled out. The likeliest has weight 1. */
export function nextTokenWeights(
  logits: Float32Array,
  history: readonly number[],
  sampling: Sampling,
): Float64Array {
  const { temperature, topK = 0, topP = 1, minP = 0, repetitionPenalty } = sampling;
  const scores = penalized(logits, history, repetitionPenalty);
  const highest = scores[likeliest(scores)]!;
  const weights = Float64Array.from(scores, (score) => Math.exp((score - highest) / temperature));
  if (topK > 0 && topK < weights.length) dropBelow(weights, weights.slice().sort().at(-topK)!);
  if (topP < 1) dropBelow(weights, leastWithin(weights, topP));
  if (minP > 0) dropBelow(weights, minP);
  return weights;
}

/** The index of the largest entry, the first of several. */
export function likeliest(scores: Float32Array): number {
  let best = -1;
  let highest = -Infinity;
  for (let i = 0; i < scores.length; i++)
    if (scores[i]! > highest) {
      highest = scores[i]!;
      best = i;
    }
  if (best < 0)
    throw new AttuneError("the model's output is not a number: its weights, or the adapter's, are damaged");
  return best;
}

/** Keskar et al. 2019, https://arxiv.org/abs/1909.05858, with the sign looked at as in transformers. */
function penalized(logits: Float32Array, history: readonly number[], penalty = 1): Float32Array {
  if (penalty === 1) return logits;
  const scores = logits.slice();
  for (const id of new Set(history)) {
    const score = logits[id]!;
    scores[id] = score < 0 ? score * penalty : score / penalty;
  }
  return scores;
}

function dropBelow(weights: Float64Array, least: number): void {
  for (let i = 0; i < weights.length; i++) if (weights[i]! < least) weights[i] = 0;
}

/** The smallest weight of the nucleus (Holtzman et al. 2019, https://arxiv.org/abs/1904.09751). */
function leastWithin(weights: Float64Array, topP: number): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const dropped = (1 - topP) * total;
  // All below this together are less than what is dropped: only the others need sorting.
  const sorted = weights.filter((weight) => weight >= dropped / weights.length).sort();
  let sum = total - sorted.reduce((a, b) => a + b, 0);
  for (const weight of sorted) {
    sum += weight;
    if (sum > dropped) return weight;
  }
  return sorted.at(-1)!;
}

function pick(weights: Float64Array, uniform: number): number {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let left = uniform * total;
  let last = 0;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    left -= weights[i]!;
    last = i;
    if (left < 0) break;
  }
  return last;
}
