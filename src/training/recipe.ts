import * as z from "zod";
import { adapter } from "../adapters/adapter_schema.ts";
import { mixture } from "../data/batches/mixture_schema.ts";
import { variableProblem } from "../data/formats/template_variables.ts";
import { trainOnValues } from "../data/tokenize/tokenize_example.ts";
import { quantizationSettings } from "../quantization/quantization_schema.ts";
import { AttuneError } from "../text/errors.ts";
import { dataset, memoryRows } from "./dataset_schema.ts";
import { evaluation } from "./evaluation_schema.ts";
import { objectiveSettings } from "./objectives/objectives.ts";
import { WIRE_TYPES } from "./ranks.ts";
import { recipeFaults } from "./recipe_faults.ts";
import { tracking } from "./tracking_schema.ts";

const ratio = z.number().min(0).max(1);
const count = z.int().positive();

const text = z.string().min(1);

const templateVariables = z.record(text, z.unknown()).superRefine((variables, context) => {
  const problem = variableProblem(variables);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

const training = z
  .strictObject({
    epochs: z
      .number()
      .positive()
      .optional()
      .describe("Times through the data; 3 when maxSteps is left out too."),
    maxSteps: count.optional().describe("Optimizer steps, instead of epochs."),
    batchSize: count.default(16).describe("Examples per optimizer step, whatever the machine."),
    maxLength: z
      .int()
      .min(2)
      .max(2 ** 20)
      .default(512)
      .describe("Tokens an example may have; the start is kept."),
    learningRate: z
      .number()
      .positive()
      .optional()
      .describe(
        "Highest learning rate. Left out: 2e-4 for LoRA, 3e-3 for ia3, 1e-2 for vera, 2e-5 for the model's own weights, 5e-4 where they start at random.",
      ),
    schedule: z
      .enum(["linear", "cosine", "constant"])
      .default("cosine")
      .describe("How the rate falls after warm-up."),
    warmupRatio: ratio
      .default(0.03)
      .describe("Share of the steps in which the rate rises from 0; never the last step."),
    weightDecay: z
      .number()
      .min(0)
      .default(0)
      .describe("AdamW's decoupled decay; biases and norms are left out."),
    maxGradNorm: z
      .number()
      .positive()
      .default(1)
      .describe("Longer gradients are scaled down to this L2 norm."),
    neftuneNoiseAlpha: z
      .number()
      .positive()
      .optional()
      .describe("Noise on the embeddings while training (NEFTune, Jain et al. 2023); 5 is usual."),
    gradientCheckpointing: z
      .boolean()
      .optional()
      .describe(
        "Of each layer keep the input alone, and compute the rest again in the backward pass: less memory, a fifth more time, the same result to the bit. Left out, one layer in six of a quantized model.",
      ),
    communicationDataType: z
      .enum(WIRE_TYPES)
      .optional()
      .describe(
        "What gradients travel as between the processes of mpirun. bfloat16 halves what is sent, and rounds each process's gradients and their sum to 8 bits, an error of 0.4% each at most; float32, exact, when left out.",
      ),
    evaluateEvery: count.optional().describe("Earlier name of evaluation.every."),
    saveEvery: count.default(100).describe("Steps between checkpoints."),
  })
  .refine((t) => t.epochs === undefined || t.maxSteps === undefined, {
    message: "give epochs or maxSteps, not both",
    path: ["maxSteps"],
  })
  .transform((t) => (t.epochs === undefined && t.maxSteps === undefined ? { ...t, epochs: 3 } : t));

/** What `attune train` runs: the type, the validation, the editor's completion and the reference in one. */
export const Recipe = z
  .strictObject({
    stage: z
      .enum(["pretrain", "finetune", "instruct"])
      .default("instruct")
      .describe("pretrain learns raw text, instruct answers in conversations, finetune either."),
    model: z
      .string()
      .min(1)
      .describe(
        "A model directory, or a model of the hub: org/name. With stage pretrain a directory may lack weights: they start at random.",
      ),
    objective: objectiveSettings
      .default({ type: "sft" })
      .describe("What is learnt from the data: the answers as they are, or preferences between them."),
    quantization: quantizationSettings.optional(),
    compute: z
      .enum(["float32", "float16", "int8"])
      .optional()
      .describe(
        "What linear layers are multiplied in; float32, exact, when left out. float16, on WebGPU alone, halves the memory of frozen layers and scales losses so that gradients fit; it has been tried on a software driver, and on no GPU. int8, of an adapter's run on the CPU, multiplies by the frozen linear layers and the output layer in 8-bit integers, forward and backward, which is faster and close to exact.",
      ),
    adapter: adapter.optional().describe("Leave out to train the model's own weights."),
    trainableLayers: count
      .optional()
      .describe(
        "Without an adapter: the last n layers are trained, all else is frozen; all weights when left out.",
      ),
    data: z.array(dataset).min(1).describe("What to train on."),
    mixture: mixture.optional(),
    deduplicate: z
      .boolean()
      .default(false)
      .describe("Leave out examples that equal an earlier one; those held out are never trained on anyway."),
    template: z
      .string()
      .min(1)
      .default("chat")
      .describe("chat (the model's own), alpaca (Stanford's prompt), or a .jinja file."),
    chatTemplateKwargs: templateVariables
      .optional()
      .describe(
        "Variables of the template, for all rows: { enable_thinking: false }. A row's own chat_template_kwargs win.",
      ),
    trainOn: z
      .enum(trainOnValues)
      .default("answers")
      .describe("Of a conversation: all the assistant's answers, the last one, or everything."),
    evaluation: evaluation
      .optional()
      .describe("Held-out examples that show whether the model learns more than the data by heart."),
    training: training.prefault({}).describe("Steps, batches and rates."),
    tracking: tracking.optional(),
    shuffle: z.boolean().default(true).describe("A new order each epoch; otherwise the files' order."),
    seed: z
      .int()
      .nonnegative()
      .default(42)
      .describe("Everything random follows from it: fresh weights, order, split, dropout."),
    output: z.string().min(1).describe("The run directory."),
  })
  .refine(({ evaluation, training }) => !evaluation?.every || !training.evaluateEvery, {
    message: "give evaluation.every alone: this is its earlier name",
    path: ["training", "evaluateEvery"],
  })
  .refine(
    ({ evaluation, data }) =>
      (!evaluation?.clusters && !evaluation?.generate) ||
      data.every(({ rows }) => !rows || Array.isArray(rows)),
    {
      message: "data's rows are read more than once for clusters and generate: give a list",
      path: ["evaluation"],
    },
  )
  .refine(({ trainableLayers, adapter }) => !trainableLayers || !adapter, {
    message:
      "an adapter freezes the model's own weights: leave one out; layersToTransform says where an adapter goes",
    path: ["trainableLayers"],
  })
  .refine(({ adapter }) => !(adapter && "loraplusLrEmbedding" in adapter) || adapter.loraplusLrRatio, {
    message: "has no effect without loraplusLrRatio",
    path: ["adapter", "loraplusLrEmbedding"],
  })
  .refine(({ quantization, adapter }) => !quantization || adapter, {
    message: "quantized weights stay as they are: give an adapter to train, or leave quantization out",
    path: ["quantization"],
  })
  .refine(({ compute, adapter }) => compute !== "int8" || adapter, {
    message:
      "int8 multiplies by frozen weights, and without an adapter weights are trained: give an adapter, or leave compute out",
    path: ["compute"],
  })
  .refine(({ compute, quantization }) => compute !== "int8" || (quantization?.type ?? "int8") === "int8", {
    message:
      "int8 keeps the weights in 8 bits, and 4-bit codes are multiplied in float32: leave quantization or compute out",
    path: ["compute"],
  })
  .refine(({ objective, stage }) => objective.type === "sft" || stage !== "pretrain", {
    message: "stage pretrain learns raw text, which has no answers to compare: leave objective out",
    path: ["objective"],
  })
  .refine(({ objective, training }) => objective.type !== "kto" || training.batchSize > 1, {
    message: "kto measures answers against those of other examples of a step: expected at least 2",
    path: ["training", "batchSize"],
  });

/** A recipe with every default filled in. */
export type Recipe = z.output<typeof Recipe>;
/** A recipe whose learning rate is known. */
export type SettledRecipe = Recipe & { training: { learningRate: number } };
/** A recipe as JSON keeps it: rows from memory are left out. */
export function storedRecipe(recipe: Recipe): Record<string, unknown> {
  const without = <T extends { rows?: unknown }>(entry: T) => (entry.rows ? { ...entry, rows: [] } : entry);
  const data = recipe.data.map(without);
  const { forgetting } = recipe.evaluation ?? {};
  const evaluation = recipe.evaluation && {
    ...without(recipe.evaluation),
    ...(forgetting && { forgetting: forgetting.map(without) }),
  };
  return JSON.parse(JSON.stringify({ ...recipe, data, ...(evaluation && { evaluation }) }));
}

/** A recipe as people write it. */
export type RecipeInput = z.input<typeof Recipe>;

/** JSON Schema of what people write, for editors. */
export const recipeJsonSchema = (): object => ({
  title: "attune recipe",
  ...z.toJSONSchema(Recipe, {
    io: "input",
    unrepresentable: "any",
    override({ zodSchema, jsonSchema }) {
      if (zodSchema === memoryRows) Object.assign(jsonSchema, { type: "array", items: { type: "object" } });
    },
  }),
});

/**
 * Checks a recipe and fills its defaults in. `where` is the file it came from.
 * @throws AttuneError that lists every problem by key, unknown keys with the key that was likely meant.
 */
export function parseRecipe(value: unknown, where = "recipe"): Recipe {
  const result = Recipe.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const faults = recipeFaults(result.error.issues, value, Recipe);
  throw new AttuneError({
    code: "training.invalid-recipe",
    problem: `${where} has ${faults.length === 1 ? "a problem" : "problems"}:`,
    faults,
  });
}
