import * as z from "zod";
import { parameterError } from "../read_body.ts";
import type { Hyperparameters } from "./job_recipe.ts";

const auto = z.literal("auto");
const shared = {
  n_epochs: z.union([auto, z.int().min(1).max(50)]).default("auto"),
  batch_size: z.union([auto, z.int().min(1).max(256)]).default("auto"),
  learning_rate_multiplier: z.union([auto, z.number().gt(0).max(100)]).default("auto"),
};
const Supervised = z.strictObject(shared);
const Dpo = z.strictObject({ ...shared, beta: z.union([auto, z.number().gt(0).max(2)]).default("auto") });

/** The body of a request for a job. */
export const JobRequest = z.strictObject({
  model: z.string(),
  training_file: z.string(),
  validation_file: z.string().optional(),
  suffix: z
    .string()
    .regex(/^[\w.-]{1,64}$/, "letters, digits, . _ and -, 64 at most")
    .optional(),
  seed: z.int().min(0).optional(),
  hyperparameters: Supervised.optional(),
  method: z
    .discriminatedUnion("type", [
      z.strictObject({
        type: z.literal("supervised"),
        supervised: z.strictObject({ hyperparameters: Supervised.optional() }).optional(),
      }),
      z.strictObject({
        type: z.literal("dpo"),
        dpo: z.strictObject({ hyperparameters: Dpo.optional() }).optional(),
      }),
    ])
    .optional(),
  metadata: z.record(z.string(), z.string()).optional(),
  integrations: z.array(z.unknown()).max(0).optional(),
  /** attune's own: the whole recipe but for model, files and output, in place of the numbers above. */
  recipe: z.record(z.string(), z.unknown()).optional(),
});

export type JobRequest = z.output<typeof JobRequest>;

/** A recipe says itself how it is trained. */
export function requireOneOf({ recipe, method, hyperparameters }: JobRequest): void {
  if (!recipe || (!method && !hyperparameters)) return;
  const param = method ? "method" : "hyperparameters";
  throw parameterError(param, "invalid_value", {
    message: `'${param}' stands beside 'recipe', which says it all: leave one of them out.`,
  });
}

/** How a job is trained, and by which numbers; `hyperparameters` beside `method` is the API's older form. */
export function jobMethod({ method, hyperparameters: older }: JobRequest): {
  method: "supervised" | "dpo";
  hyperparameters: Hyperparameters;
} {
  if (method && older)
    throw parameterError("hyperparameters", "invalid_value", {
      message: "'hyperparameters' stands beside 'method': give them within it.",
    });
  const none = Dpo.parse({});
  if (method?.type === "dpo")
    return { method: "dpo", hyperparameters: { ...none, ...method.dpo?.hyperparameters } };
  return {
    method: "supervised",
    hyperparameters: { ...none, ...(older ?? method?.supervised?.hyperparameters) },
  };
}
