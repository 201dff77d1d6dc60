import * as z from "zod";
import { type Branch, byLabel, logistic, logProbability, objectiveKind, type Totals } from "./objective.ts";
import { addShares } from "./pairs.ts";

/**
 * Kahneman-Tversky optimization (Ethayarajh et al. 2024, https://arxiv.org/abs/2402.01306) of answers that were liked or
 * not. What an answer is measured against is the policy's mean distance from the reference on prompts that go with another
 * example's answer of the same step; it has no gradient. As TRL's KTOTrainer with loss_type kto.
 */
export const kto = objectiveKind({
  settings: z.strictObject({
    type: z.literal("kto").describe("Answers that were liked or not, against a reference."),
    beta: z.number().positive().default(0.1).describe("How closely the model keeps to the reference."),
    desirableWeight: z.number().min(0).default(1).describe("Weight of liked answers."),
    undesirableWeight: z.number().min(0).default(1).describe("Weight of disliked answers."),
  }),
  learningRate: 1e-6,
  open: ({ beta, desirableWeight, undesirableWeight }) => ({
    answers: "rated",
    usesReference: true,
    looksFirst: true,
    mismatches: true,
    measure({ examples, mismatched }) {
      const liked = examples.filter(([branch]) => isLiked(branch!)).length;
      const distance = mismatched.reduce((sum, branch) => sum + ratioOf(branch), 0);
      return { examples: examples.length, liked, distance };
    },
    weigh({ examples }, totals) {
      const { examples: count } = totals as { examples: number };
      const kl = Math.max(0, totals.distance! / count);
      const metrics: Record<string, number> = { kl: (kl * examples.length) / count };
      let loss = 0;
      const weights = examples.map(([branch]) => {
        const sign = isLiked(branch!) ? 1 : -1;
        const weight = sign > 0 ? desirableWeight : undesirableWeight;
        const s = logistic(sign * beta * (ratioOf(branch!) - kl));
        loss += (weight * (1 - s)) / count;
        addMetrics(metrics, branch!, beta, totals);
        return [byLabel(branch!, (-weight * sign * beta * s * (1 - s)) / count)];
      });
      return { loss, weights, metrics };
    },
  }),
});

/** Labels of a disliked answer have weights below 0. */
const isLiked = ({ labelWeights }: Branch) => !labelWeights.some((weight) => weight < 0);

const ratioOf = (branch: Branch) => logProbability(branch) - branch.reference;

/** Means over the liked, and over the disliked; their margin where there are both. */
function addMetrics(metrics: Record<string, number>, branch: Branch, beta: number, totals: Totals): void {
  const { examples, liked } = totals as { examples: number; liked: number };
  const [name, sign, total] = isLiked(branch)
    ? (["chosen", 1, liked] as const)
    : (["rejected", -1, examples - liked] as const);
  const reward = beta * ratioOf(branch);
  addShares(metrics, { [`rewards/${name}`]: reward, [`logps/${name}`]: logProbability(branch) }, total);
  if (liked > 0 && liked < examples) addShares(metrics, { "rewards/margins": sign * reward }, total);
}
