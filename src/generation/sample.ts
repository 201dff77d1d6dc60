import { AttuneError } from "../text/errors.ts";

/** How the next token is chosen, by transformers' names. */
export interface Sampling {
  /** Divides the scores; 0 takes the likeliest token, and what follows below but the penalty is not looked at. */
  temperature: number;
  /** Only the k likeliest; 0 for all. 50 when left out, as in transformers. */
  topK?: number;
  /** Only the likeliest tokens that together reach this probability; 1 for all, 0 for the likeliest alone. */
  topP?: number;
  /** Only tokens at least this fraction as likely as the likeliest; 0 for all. */
  minP?: number;
  /** Above 1, tokens of the prompt and the answer so far become less likely: logits are divided, negative ones multiplied. */
  repetitionPenalty?: number;
}

/** How tokens are sampled, with what only a model's own files can ask for. In transformers' order. */
export interface Warping extends Pick<Sampling, "temperature" | "topK" | "topP" | "minP"> {
  topH?: number;
  typicalP?: number;
  epsilonCutoff?: number;
  etaCutoff?: number;
}

/** The token to go on with. `scores` [V]; `uniform` of [0, 1): where in the distribution. */
export function chooseToken(scores: Float32Array, warping: Warping, uniform: () => number): number {
  if (warping.temperature === 0) return likeliest(scores);
  return pick(nextTokenWeights(scores, warping), uniform());
}

/** What each token's chance [V] is proportional to; 0 where it is ruled out. The likeliest has weight 1. */
export function nextTokenWeights(scores: Float32Array, warping: Warping): Float64Array {
  const { temperature, topH, topK = 0, topP = 1, minP = 0, typicalP = 1 } = warping;
  const { epsilonCutoff = 0, etaCutoff = 0 } = warping;
  const highest = scores[likeliest(scores)]!;
  const weights = Float64Array.from(scores, (score) => Math.exp((score - highest) / temperature));
  if (topH !== undefined) keepTopH(weights, topH);
  if (topK > 0 && topK < weights.length) dropBelow(weights, weights.slice().sort().at(-topK)!);
  if (topP < 1) dropBelow(weights, leastWithin(weights, topP));
  if (minP > 0) dropBelow(weights, minP);
  if (typicalP < 1) keepTypical(weights, typicalP);
  if (epsilonCutoff > 0) dropUnlikely(weights, epsilonCutoff);
  if (etaCutoff > 0)
    dropUnlikely(weights, Math.min(etaCutoff, Math.sqrt(etaCutoff) * Math.exp(-entropyOf(weights))));
  return weights;
}

/** Codes of the errors below, for those who can say more. */
export const NOT_A_NUMBER = "generation.not-a-number";

/**
 * The index of the largest entry, the first of several.
 * @throws AttuneError when there is none to choose, or an entry is no number.
 */
export function likeliest(scores: Float32Array): number {
  let best = -1;
  let highest = -Infinity;
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!;
    if (score <= highest) continue; // one comparison for nearly all: a vocabulary is long
    if (Number.isNaN(score)) throw notANumber();
    highest = score;
    best = i;
  }
  if (highest === Infinity) throw notANumber();
  if (best < 0)
    throw new AttuneError({
      code: "generation.no-token-left",
      problem: "no token is left to go on with: every one is ruled out",
      wayOut:
        "Look at the settings in the model's generation_config.json that rule tokens out, such as no_repeat_ngram_size, suppress_tokens and bad_words_ids",
    });
  return best;
}

const notANumber = () =>
  new AttuneError({ code: NOT_A_NUMBER, problem: "the model's output is not a number" });

function dropBelow(weights: Float64Array, least: number): void {
  for (let i = 0; i < weights.length; i++) if (weights[i]! < least) weights[i] = 0;
}

const sum = (values: ArrayLike<number>): number => {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
};

/** The smallest weight of the nucleus (Holtzman et al. 2019, https://arxiv.org/abs/1904.09751). */
function leastWithin(weights: Float64Array, topP: number): number {
  const total = sum(weights);
  const dropped = (1 - topP) * total;
  // All below this together are less than what is dropped: only the others need sorting.
  const sorted = weights.filter((weight) => weight >= dropped / weights.length).sort();
  let cumulative = total - sum(sorted);
  for (const weight of sorted) {
    cumulative += weight;
    if (cumulative > dropped) return weight;
  }
  return sorted.at(-1)!;
}

/** In nats, of the distribution that `weights` are proportional to. */
function entropyOf(weights: Float64Array): number {
  const total = sum(weights);
  let entropy = 0;
  for (const weight of weights) if (weight > 0) entropy -= (weight / total) * Math.log(weight / total);
  return entropy;
}

const TOP_H_TOKENS = 100; // transformers looks at no more

/** The likeliest, as long as their entropy together is within this share of all (Top-H, 2025, https://arxiv.org/abs/2509.02510). */
function keepTopH(weights: Float64Array, topH: number): void {
  const order = byWeight(weights).slice(0, TOP_H_TOKENS);
  const top = Float64Array.from(order, (i) => weights[i]!);
  const [total, most] = [sum(top), topH * entropyOf(top)];
  let entropy = 0;
  const kept = order.filter((i, rank) => {
    const share = weights[i]! / total;
    if (share > 0) entropy -= share * Math.log(share);
    return rank === 0 || entropy <= most;
  });
  keepOnly(weights, new Set(kept));
}

/** Those whose surprise is nearest the entropy (Meister et al. 2022, https://arxiv.org/abs/2202.00666). */
function keepTypical(weights: Float64Array, mass: number): void {
  const [total, entropy] = [sum(weights), entropyOf(weights)];
  const oddness = (i: number) => Math.abs(-Math.log(weights[i]! / total) - entropy);
  const order = byWeight(weights)
    .filter((i) => weights[i]! > 0)
    .sort((a, b) => oddness(a) - oddness(b));
  let reached = 0;
  const last = order.find((i) => {
    reached += weights[i]! / total;
    return reached >= mass;
  });
  const most = oddness(last ?? order.at(-1)!);
  keepOnly(weights, new Set(order.filter((i) => oddness(i) <= most)));
}

/** Drops what is less likely than `least`, but for the likeliest (Hewitt et al. 2022, https://arxiv.org/abs/2210.15191). */
function dropUnlikely(weights: Float64Array, least: number): void {
  const highest = weights.reduce((a, b) => Math.max(a, b));
  dropBelow(weights, Math.min(highest, least * sum(weights)));
}

const byWeight = (weights: Float64Array): number[] =>
  Array.from(weights.keys()).sort((a, b) => weights[b]! - weights[a]!);

function keepOnly(weights: Float64Array, kept: ReadonlySet<number>): void {
  for (let i = 0; i < weights.length; i++) if (!kept.has(i)) weights[i] = 0;
}

function pick(weights: Float64Array, uniform: number): number {
  let left = uniform * sum(weights);
  let last = 0;
  for (let i = 0; i < weights.length; i++) {
    if (weights[i] === 0) continue;
    left -= weights[i]!;
    last = i;
    if (left < 0) break;
  }
  return last;
}
