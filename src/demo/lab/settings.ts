import type { RecipeInput } from "../../training/recipe.ts";
import { DEMO_TASKS } from "../tasks/index.ts";

/** What the lab runs, as data: rows, kinds of task and the settings of each run, the same for every seed. */

/** Kinds of task of which no row is trained, by any run. */
export const NEVER_TRAINED: readonly string[] = ["n-th word", "last word", "plurals"];

/** The kind of task that the single-task model is tuned on. */
export const SINGLE_TASK = "upper case";

export const MANY_TASKS: readonly string[] = DEMO_TASKS.map(({ name }) => name).filter(
  (name) => !NEVER_TRAINED.includes(name),
);

export const ROWS = {
  /** Rows of each kind of task that are trained. */
  train: 2000,
  /** Held-out questions of each kind of task, for each seed. */
  questions: 25,
  /** Documents of pretraining text that the base never saw. */
  oldDocuments: 150,
  /** Chinese texts: one in so many is held out; all are cut to so many characters, which fit a row in either vocabulary. */
  chineseHeldOut: 10,
  chineseCharacters: 160,
  /** Held-out Chinese texts that are measured. */
  chineseMeasured: 200,
};

/** Tokens that the extended vocabulary gets. */
export const NEW_TOKENS = 1000;

export const RUNS = ["single-task", "many-lora", "many-full", "chinese-old", "chinese-extended"] as const;
export type LabRun = (typeof RUNS)[number];

type Settings = Pick<RecipeInput, "stage" | "adapter" | "training">;

type Lora = Extract<RecipeInput["adapter"], { type: "lora" }>;

const onLinearLayers: Lora = { type: "lora", r: 6, alpha: 12, dropout: 0, targetModules: "all-linear" };

/** With 3 ranks on the embedding, which is the output layer, too, 5.0% of the parameters of all weights are trained. */
const lora: Lora = {
  ...onLinearLayers,
  targetModules: [
    ...["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
    "embed_tokens",
  ],
  rankPattern: { embed_tokens: 3 },
  alphaPattern: { embed_tokens: 6 },
};

const instructions = { batchSize: 32, maxLength: 128, warmupRatio: 0.05, saveEvery: 1000 };

/** Noise on the embeddings keeps a task from hanging on the words it was put in. */
const many = { ...instructions, epochs: 1.5, neftuneNoiseAlpha: 2 };

const chinese: Settings = {
  stage: "pretrain",
  adapter: { ...onLinearLayers, r: 16, alpha: 32, modulesToSave: ["embed_tokens", "lm_head"] },
  training: {
    maxSteps: 100,
    batchSize: 8,
    maxLength: 512,
    learningRate: 3e-3,
    warmupRatio: 0.05,
    saveEvery: 1000,
  },
};

export const SETTINGS: Readonly<Record<LabRun, Settings>> = {
  "single-task": {
    stage: "finetune",
    adapter: lora,
    training: { ...instructions, epochs: 2, learningRate: 1e-2 },
  },
  "many-lora": { adapter: lora, training: { ...many, learningRate: 3e-3 } },
  "many-full": { training: { ...many, learningRate: 1e-3 } },
  "chinese-old": chinese,
  "chinese-extended": chinese,
};
