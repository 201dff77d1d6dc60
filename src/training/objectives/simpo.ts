import * as z from "zod";
import { byLabel, labelCount, logistic, logProbability, logSigmoid, objectiveKind } from "./objective.ts";
import { countPairs, meanOfPairs } from "./pairs.ts";

/**
 * Simple preference optimization (Meng et al. 2024, https://arxiv.org/abs/2405.14734): mean log probabilities a token, no
 * reference, a margin. As TRL's CPOTrainer with loss_type simpo and cpo_alpha 0.
 */
export const simpo = objectiveKind({
  settings: z.strictObject({
    type: z.literal("simpo").describe("Preferences without a reference, by mean log probabilities."),
    beta: z.number().positive().default(0.1).describe("Scale of the difference; the paper takes 2 to 2.5."),
    simpoGamma: z.number().min(0).default(0.5).describe("Margin by which the chosen answer has to lead."),
  }),
  learningRate: 1e-6,
  open: ({ beta, simpoGamma }) => ({
    answers: "pair",
    usesReference: false,
    looksFirst: true,
    measure: countPairs,
    weigh: (values, totals) =>
      meanOfPairs(values, totals, (chosen, rejected) => {
        const lengths = [labelCount(chosen), labelCount(rejected)] as const;
        const means: [number, number] = [
          logProbability(chosen) / lengths[0],
          logProbability(rejected) / lengths[1],
        ];
        const x = beta * (means[0] - means[1]) - simpoGamma;
        const slope = -beta * logistic(-x);
        return {
          loss: -logSigmoid(x),
          weights: [byLabel(chosen, slope / lengths[0]), byLabel(rejected, -slope / lengths[1])],
          rewards: [beta * means[0], beta * means[1]],
          logps: means,
          beta,
        };
      }),
  }),
});
