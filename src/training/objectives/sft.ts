import * as z from "zod";
import { objectiveKind } from "./objective.ts";

/** Next-token cross-entropy: Σ weight · nll over the step's labels, divided by Σ weight. */
export const sft = objectiveKind({
  settings: z.strictObject({
    type: z.literal("sft").describe("Supervised: the answers as they are."),
  }),
  open: () => ({
    answers: "liked",
    usesReference: false,
    looksFirst: false,
    measure({ examples }) {
      let weight = 0;
      for (const [branch] of examples) for (const w of branch!.labelWeights.subarray(1)) weight += w;
      return { weight };
    },
    weigh({ examples }, { weight: total }) {
      let loss = 0;
      const weights = examples.map((branches) =>
        branches.map(({ nll, labelWeights }) => {
          for (let t = 0; t < nll.length; t++) loss += (labelWeights[t]! / total!) * nll[t]!;
          return Float64Array.from(labelWeights, (weight) => weight / total!);
        }),
      );
      return { loss, weights, metrics: {} };
    },
  }),
});
