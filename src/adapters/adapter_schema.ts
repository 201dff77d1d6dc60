/** What an adapter can be beyond plain LoRA, as recipes say it: PEFT's settings, in camelCase. */
import * as z from "zod";

const text = z.string().min(1);
const names = z.union([z.array(text).min(1), text]);
const index = z.int().nonnegative();
const indices = z.array(index).min(1);

export const adapterVariants = {
  excludeModules: names
    .optional()
    .describe("Targeted modules that get no adapter after all; as targetModules."),
  layersToTransform: z.union([indices, index]).optional().describe("Only the layers of these numbers."),
  layersPattern: names
    .optional()
    .describe("Where the model keeps its layers, for layersToTransform: layers, h."),
  rankPattern: z
    .record(text, z.int().positive())
    .optional()
    .describe(
      "Other ranks: { q_proj: 16 }, by a name's ending, a regular expression; the first that matches counts.",
    ),
  alphaPattern: z.record(text, z.number().positive()).optional().describe("Other alphas, in the same way."),
  useRslora: z.boolean().optional().describe("Scale by alpha / √r (Kalajdzievski 2023)."),
  useDora: z.boolean().optional().describe("Train magnitudes beside directions: DoRA (Liu et al. 2024)."),
  bias: z
    .enum(["none", "all", "lora_only"])
    .optional()
    .describe("Biases trained as well: all, or those of adapted layers."),
  modulesToSave: z
    .array(text)
    .min(1)
    .optional()
    .describe(
      "Modules trained whole and kept in the adapter: all whose name ends so, as embed_tokens, lm_head, norm.",
    ),
  trainableTokenIndices: z
    .union([indices, z.record(text, indices)])
    .optional()
    .describe("Tokens whose rows of the embedding are trained, as new special tokens."),
  initLoraWeights: z
    .union([z.boolean(), z.enum(["gaussian", "pissa", "olora"]), z.string().regex(/^pissa_niter_[1-9]\d?$/)])
    .optional()
    .describe(
      "How A and B begin: true (A random, B zero), gaussian, pissa, pissa_niter_16 or olora. The last three are saved as a plain LoRA of twice the rank.",
    ),
};

/** Settings of the optimizer, which no adapter's files keep. */
export const loraplus = {
  loraplusLrRatio: z
    .number()
    .min(1)
    .optional()
    .describe("LoRA+ (Hayou et al. 2024): B learns at this many times the rate of A; 16 is usual."),
  loraplusLrEmbedding: z
    .number()
    .positive()
    .optional()
    .describe("With loraplusLrRatio, the rate of an adapted embedding; 1e-6 when left out."),
};
