import * as z from "zod";
import {
  type Branch,
  byLabel,
  labelCount,
  logistic,
  logProbability,
  logSigmoid,
  objectiveKind,
  type Values,
} from "./objective.ts";
import { meanOfPairs } from "./pairs.ts";

/**
 * Odds ratio preference optimization (Hong et al. 2024, https://arxiv.org/abs/2403.07691): the chosen example's mean
 * cross-entropy, its prompt included, minus beta · log sigmoid of the answers' log odds ratio. As TRL's ORPOTrainer.
 */
export const orpo = objectiveKind({
  settings: z.strictObject({
    type: z.literal("orpo").describe("Instruction tuning and preferences in one, without a reference."),
    beta: z.number().positive().default(0.1).describe("Weight of the odds ratio; the paper's lambda."),
  }),
  learningRate: 1e-6,
  open: ({ beta }) => ({
    answers: "pair",
    usesReference: false,
    looksFirst: true,
    readsPrompts: true,
    measure: ({ examples }) => ({ examples: examples.length, tokens: predictedTokens(examples) }),
    weigh(values, totals) {
      const { examples: pairs, tokens } = totals as { examples: number; tokens: number };
      return meanOfPairs(values, totals, (chosen, rejected) => {
        const lengths = [labelCount(chosen), labelCount(rejected)] as const;
        const means: [number, number] = [
          logProbability(chosen) / lengths[0],
          logProbability(rejected) / lengths[1],
        ];
        const odds = logOdds(means[0]) - logOdds(means[1]);
        const slope = -beta * logistic(-odds);
        const slopes = [slope * oddsSlope(means[0]), -slope * oddsSlope(means[1])] as const;
        const nll = (sumOf(chosen.nll) / tokens) * pairs; // `meanOfPairs` divides by the number of pairs
        const weights = byLabel(chosen, slopes[0] / lengths[0]);
        for (let t = 1; t < weights.length; t++) weights[t]! += pairs / tokens;
        return {
          loss: nll - beta * logSigmoid(odds),
          weights: [weights, byLabel(rejected, slopes[1] / lengths[1])],
          rewards: [beta * means[0], beta * means[1]],
          logps: means,
          beta,
          metrics: { nll_loss: nll, log_odds_ratio: logSigmoid(odds), log_odds_chosen: odds },
        };
      });
    },
  }),
});

/** All but the first token of each chosen example. */
const predictedTokens = (examples: Values["examples"]) =>
  examples.reduce((sum, [chosen]) => sum + chosen!.nll.length - 1, 0);

const sumOf = (values: Branch["nll"]) => values.reduce((sum, value) => sum + value, 0);

/** log(p / (1 - p)) of log p. */
const logOdds = (logp: number) => logp - Math.log(-Math.expm1(logp));

/** d logOdds / d logp = 1 / (1 - p) */
const oddsSlope = (logp: number) => -1 / Math.expm1(logp);
