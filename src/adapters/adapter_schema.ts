/** Adapters as recipes say them: PEFT's settings, in camelCase. */
import * as z from "zod";

const text = z.string().min(1);
const names = z.union([z.array(text).min(1), text]);
const index = z.int().nonnegative();
const indices = z.array(index).min(1);

const initLoraWords = {
  error: "expected true, false, gaussian, pissa, pissa_niter_1 to pissa_niter_99, olora or loftq",
};

const adapterVariants = {
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
    .union(
      [
        z.boolean(),
        z.enum(["gaussian", "pissa", "olora", "loftq"]),
        z.string().regex(/^pissa_niter_[1-9]\d?$/, initLoraWords),
      ],
      initLoraWords,
    )
    .optional()
    .describe(
      "How A and B begin: true (A random, B zero), gaussian, pissa, pissa_niter_16, olora, or, with quantization, loftq. PiSSA's and OLoRA's are saved as a plain LoRA of twice the rank.",
    ),
};

/** Settings of the optimizer, which no adapter's files keep. */
const loraplus = {
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

const rank = z.int().positive().max(65_536);
const dropout = z.number().min(0).lt(1).default(0);
const targetModules = z.union([z.array(text).min(1), text]);
const { excludeModules, layersToTransform, layersPattern, modulesToSave } = adapterVariants;

const lora = z
  .strictObject({
    type: z.literal("lora"),
    r: rank.default(8).describe("Rank of the low-rank terms."),
    alpha: z.number().positive().default(16).describe("The terms are scaled by alpha / r."),
    dropout: dropout.describe("Dropout of the terms' inputs while training."),
    targetModules: targetModules
      .default("all-linear")
      .describe("Which linear layers: a list of name endings, a regular expression, or all-linear."),
    ...adapterVariants,
    ...loraplus,
  })
  .describe("A fresh LoRA adapter (Hu et al. 2021).");

const ia3 = z
  .strictObject({
    type: z.literal("ia3"),
    targetModules: targetModules
      .optional()
      .describe(
        "Which linear layers are scaled: as LoRA's; when left out, keys, values and the MLP's last layer (k_proj, v_proj, down_proj, or what the family calls them).",
      ),
    feedforwardModules: z
      .union([z.array(text), text])
      .optional()
      .describe(
        "Of these, layers whose input is scaled, not what they give; the MLP's last layer when left out.",
      ),
    excludeModules,
    modulesToSave,
  })
  .describe(
    "A vector a layer that scales what it gives: (IA)³ (Liu et al. 2022). Learns at rates around 3e-3.",
  );

const vera = z
  .strictObject({
    type: z.literal("vera"),
    r: rank.default(256).describe("Rank of the shared random matrices."),
    dInitial: z.number().default(0.1).describe("What the vectors d begin as; b begins as zero."),
    dropout: dropout.describe("Dropout of the terms' inputs while training."),
    targetModules: targetModules.default("all-linear").describe("Which linear layers: as LoRA's."),
    projectionPrngKey: z
      .int()
      .nonnegative()
      .default(0)
      .describe("Seed of the random matrices, which are PEFT's for the same seed."),
    saveProjection: z
      .boolean()
      .default(true)
      .describe("Keep the random matrices in the adapter's file; otherwise they are drawn again."),
    layersToTransform,
    layersPattern,
    bias: z
      .enum(["none", "all", "vera_only"])
      .optional()
      .describe("Biases trained as well: all, or those of adapted layers."),
    modulesToSave,
  })
  .describe(
    "Two vectors a layer around one pair of random matrices: VeRA (Kopiczko et al. 2023). Learns at rates around 1e-2.",
  );

const existing = z
  .strictObject({ path: text.describe("A PEFT adapter directory."), ...loraplus })
  .describe("Go on from an adapter.");

export const adapter = z.union([lora, ia3, vera, existing]);

const kinds = { lora, ia3, vera };
const anyKind = z.looseObject({ type: z.enum(["lora", "ia3", "vera"]) });

/** The branch of the union that was meant. */
export function meantAdapter(value: unknown): z.ZodObject {
  if (typeof value !== "object" || value === null) return anyKind;
  if ("path" in value) return existing;
  const type = "type" in value ? String(value.type) : "";
  return Object.hasOwn(kinds, type) ? kinds[type as keyof typeof kinds] : anyKind;
}

/** All settings there are. */
export const adapterKeys = [
  ...new Set([existing, lora, ia3, vera].flatMap(({ shape }) => Object.keys(shape))),
];
