import * as z from "zod";
import { byLabel, labelCount, logistic, logProbability, logSigmoid, objectiveKind } from "./objective.ts";
import { countPairs, meanOfPairs } from "./pairs.ts";

/** Of a scaled difference of log ratios, and what it was made from. */
interface Slope {
  loss: number;
  /** d loss / d log probability of the chosen answer, and of the rejected one. */
  slopes: [chosen: number, rejected: number];
}

interface Ratios {
  /** log probability under the policy minus that under the reference, of each answer. */
  chosen: number;
  rejected: number;
  /** Labels of each answer. */
  lengths: [chosen: number, rejected: number];
}

/**
 * Direct preference optimization (Rafailov et al. 2023, https://arxiv.org/abs/2305.18290), with the losses that TRL
 * 1.13 gives these names: hinge (Zhao et al. 2023, SLiC), ipo (Azar et al. 2023, per token), robust (Chowdhury et al. 2024).
 */
export const dpo = objectiveKind({
  settings: z
    .strictObject({
      type: z
        .literal("dpo")
        .describe("Preferences: the chosen answer over the rejected one, against a reference."),
      beta: z.number().positive().default(0.1).describe("How closely the model keeps to the reference."),
      lossType: z.enum(["sigmoid", "hinge", "ipo", "robust"]).default("sigmoid").describe("TRL's loss_type."),
      labelSmoothing: z
        .number()
        .min(0)
        .lt(0.5)
        .optional()
        .describe("Of robust: share of the pairs that may be the wrong way round; 0 when left out."),
    })
    .refine(({ lossType, labelSmoothing }) => labelSmoothing === undefined || lossType === "robust", {
      message: "only lossType robust knows label smoothing: leave it out, or set lossType: robust",
      path: ["labelSmoothing"],
    }),
  learningRate: 1e-6,
  open: ({ beta, lossType, labelSmoothing = 0 }) => ({
    answers: "pair",
    usesReference: true,
    looksFirst: true,
    measure: countPairs,
    weigh: (values, totals) =>
      meanOfPairs(values, totals, (chosen, rejected) => {
        const logps = [logProbability(chosen), logProbability(rejected)] as [number, number];
        const ratios: Ratios = {
          chosen: logps[0] - chosen.reference,
          rejected: logps[1] - rejected.reference,
          lengths: [labelCount(chosen), labelCount(rejected)],
        };
        const { loss, slopes } = LOSSES[lossType](ratios, beta, labelSmoothing);
        return {
          loss,
          weights: [byLabel(chosen, slopes[0]), byLabel(rejected, slopes[1])],
          rewards: [beta * ratios.chosen, beta * ratios.rejected],
          logps,
          beta,
        };
      }),
  }),
});

type Loss = (ratios: Ratios, beta: number, labelSmoothing: number) => Slope;

const LOSSES: Record<"sigmoid" | "hinge" | "ipo" | "robust", Loss> = {
  sigmoid({ chosen, rejected }, beta) {
    const x = beta * (chosen - rejected);
    return both(-logSigmoid(x), -beta * logistic(-x));
  },
  hinge({ chosen, rejected }, beta) {
    const x = beta * (chosen - rejected);
    return both(Math.max(0, 1 - x), x < 1 ? -beta : 0);
  },
  ipo({ chosen, rejected, lengths }, beta) {
    const [c, r] = lengths.map((length) => Math.max(1, length)) as [number, number];
    const distance = chosen / c - rejected / r - 1 / (2 * beta);
    return { loss: distance ** 2, slopes: [(2 * distance) / c, (-2 * distance) / r] };
  },
  robust({ chosen, rejected }, beta, epsilon) {
    const x = beta * (chosen - rejected);
    const loss = (-(1 - epsilon) * logSigmoid(x) + epsilon * logSigmoid(-x)) / (1 - 2 * epsilon);
    return both(loss, (-beta * ((1 - epsilon) * logistic(-x) + epsilon * logistic(x))) / (1 - 2 * epsilon));
  },
};

/** A loss of the difference alone. */
const both = (loss: number, slope: number): Slope => ({ loss, slopes: [slope, -slope] });
