import type { RecipeInput } from "../../src/training/recipe.ts";
import type { Job } from "./job.ts";

/** A job of training as attune's recipe. */
export function recipeOf(job: Job, output: string): RecipeInput {
  return {
    model: job.model,
    adapter: job.adapter ? { path: job.adapter } : undefined,
    data: [{ path: job.data }],
    objective: job.task === "dpo" ? { type: "dpo", beta: 0.1 } : undefined,
    compute: job.compute,
    quantization: job.quantization && { type: job.quantization },
    shuffle: false,
    training: {
      maxSteps: job.steps,
      batchSize: job.batchSize,
      maxLength: job.maxLength,
      gradientCheckpointing: job.checkpointing,
      ...{ learningRate: 2e-4, schedule: "constant", warmupRatio: 0, weightDecay: 0, maxGradNorm: 1 },
    },
    output,
  };
}
