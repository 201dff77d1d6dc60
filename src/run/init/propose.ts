import { histogram } from "../../data/inspect/histogram.ts";
import { modelOutline } from "../../hub/model_outline.ts";
import type { HubOptions } from "../../hub/options.ts";
import { type Base, openBase } from "../../pretrained/base.ts";
import { AttuneError } from "../../text/errors.ts";
import type { AdviceFacts } from "../../training/advice/facts.ts";
import { parseRecipe, type RecipeInput } from "../../training/recipe.ts";
import { type Estimate, estimate } from "../estimate/estimate.ts";
import { prepareData } from "../prepare_data.ts";
import { type Preset, presetSettings } from "./presets.ts";
import { type ProposedKey, recipeObject, recipeText } from "./recipe_text.ts";
import type { DataSurvey } from "./survey_data.ts";

export const PROPOSED_METHODS = ["lora", "qlora", "full"] as const;
export type ProposedMethod = (typeof PROPOSED_METHODS)[number];

export interface InitChoices {
  data: readonly string[];
  /** As in a recipe's data: what the rows call the format's keys. */
  columns?: Record<string, string>;
  model: string;
  preset: Preset;
  /** What fits this machine when left out. */
  method?: ProposedMethod;
  /** Share of the examples that is held out; 0 for none. */
  heldOut: number;
  /** The run's directory. */
  output: string;
}

export interface Proposal {
  /** YAML with a reason beside each choice. */
  text: string;
  /** The same as keys, each with its reason. */
  keys: ProposedKey[];
  recipe: RecipeInput;
  /** By the graph alone, without running anything; none where rows would be refused. */
  estimate?: Estimate;
  notes: string[];
}

/**
 * A recipe for such data, model and machine, checked by what `attune train` checks with.
 * @throws AttuneError where the model or the data can't be used.
 */
export async function proposeRecipe(
  choices: InitChoices,
  survey: DataSurvey,
  hub: HubOptions = {},
): Promise<Proposal> {
  const { directory, download } = await modelOutline(choices.model, hub);
  const base = await openBase(directory, { weights: "optional", hub });
  const isFresh = base.directory.tensors.size === 0 && download === undefined;
  const notes = notesOn(survey, base, isFresh);
  const lengths = await lengthsOf(choices, survey, base, hub);
  const method = choices.method ?? (isFresh ? "full" : "lora");
  const context = { choices, survey, lengths, isFresh, directory, hub };
  const first = await proposed({ ...context, method });
  const isChosen = choices.method !== undefined || isFresh || !first.estimate || first.estimate.fits;
  const { refusal, ...proposal } = isChosen ? first : await proposed({ ...context, method: "qlora" });
  return { ...proposal, notes: refusal === undefined ? notes : [...notes, refusal] };
}

interface Context {
  choices: InitChoices;
  survey: DataSurvey;
  lengths: Lengths;
  isFresh: boolean;
  method: ProposedMethod;
  hub: HubOptions;
}

async function proposed(context: Context): Promise<Omit<Proposal, "notes"> & { refusal?: string }> {
  const { choices, survey, hub } = context;
  const keys = proposedKeys(context);
  const recipe = recipeObject(keys) as RecipeInput;
  parseRecipe(recipe);
  const text = recipeText(keys, headOf(survey, choices, context.lengths));
  try {
    return { text, keys, recipe, estimate: await estimate(recipe, { measure: false, hub }) };
  } catch (error) {
    if (!(error instanceof AttuneError) || error.code !== "data.unusable-rows") throw error;
    return { text, keys, recipe, refusal: error.message };
  }
}

/** How the data is used: what it is decides. */
function purposeOf({ kinds }: DataSurvey): Pick<AdviceFacts, "stage" | "objective"> & { reason: string } {
  if (kinds.preference)
    return { stage: "instruct", objective: "dpo", reason: "the rows have a chosen and a rejected answer" };
  if (kinds.feedback)
    return { stage: "instruct", objective: "kto", reason: "the rows have answers that were liked or not" };
  const raw = (kinds.text ?? 0) + (kinds.tokens ?? 0);
  const answers = (kinds.conversation ?? 0) + (kinds.completion ?? 0);
  if (answers === 0)
    return { stage: "pretrain", objective: "sft", reason: "the data is raw text: every token is learnt" };
  if (raw > 0) return { stage: "finetune", objective: "sft", reason: "the data has raw text and answers" };
  return { stage: "instruct", objective: "sft", reason: "the rows have answers: only those are learnt" };
}

const entriesOf = (data: readonly string[], columns: InitChoices["columns"]) =>
  data.map((path) => ({ path, ...(columns && { columns }) }));

const LONGEST = 8_192; // tokens; longer rows are told from their start

type Lengths = NonNullable<AdviceFacts["lengths"]> & {
  /** Rows longer than it was looked: the model's positions, or LONGEST. */
  cut: number;
  limit: number;
};

/** Lengths as the model's own tokenizer and template make them. */
async function lengthsOf(
  { data, columns, output }: InitChoices,
  survey: DataSurvey,
  base: Base,
  hub: HubOptions,
): Promise<Lengths> {
  const { stage, objective } = purposeOf(survey);
  const maxLength = Math.min(base.model.dimensions.maxPositions ?? LONGEST, LONGEST);
  const recipe = parseRecipe({
    stage,
    objective: { type: objective },
    model: base.directory.path,
    data: entriesOf(data, columns),
    training: { maxLength, batchSize: 2 },
    output,
  });
  const prepared = await prepareData(recipe, base, { now: new Date(), hub });
  try {
    const { train } = prepared;
    const { p95, most } = histogram(Uint32Array.from({ length: train.length }, (_, i) => train.tokensOf(i)));
    return { p95, longest: most, cut: prepared.report.truncated, limit: maxLength };
  } finally {
    prepared.close();
  }
}

function proposedKeys({ choices, survey, lengths, isFresh, method }: Context): ProposedKey[] {
  const { preset, heldOut, output, data, columns, model } = choices;
  const { stage, objective, reason } = purposeOf(survey);
  const trains = method !== "full" ? "adapter" : isFresh ? "random weights" : "weights";
  const examples = Math.max(1, Math.round(survey.rows * (1 - heldOut)));
  const settings = presetSettings({ stage, objective, trains, examples, lengths }, preset);
  const told = settings.map(
    ({ key, value, reason, source }): ProposedKey => ({ key, value, reason: `${reason} (${source})` }),
  );
  const inGroup = (group: string) => told.filter(({ key }) => key.startsWith(`${group}.`));
  return [
    { key: "stage", value: stage, reason },
    { key: "model", value: model },
    ...(objective === "sft"
      ? []
      : [{ key: "objective.type", value: objective, reason: OBJECTIVE_REASONS[objective] }]),
    ...(method === "qlora" ? quantized : []),
    ...(method === "full"
      ? []
      : [{ key: "adapter.type", value: "lora", reason: ADAPTER_REASON }, ...inGroup("adapter")]),
    { key: "data", value: entriesOf(data, columns) },
    ...(survey.duplicates > 0
      ? [
          {
            key: "deduplicate",
            value: true,
            reason: `${survey.duplicates} rows equal an earlier one: learnt twice, they count twice`,
          },
        ]
      : []),
    ...(heldOut > 0 ? evaluationKeys(survey, heldOut, preset) : []),
    ...inGroup("training"),
    ...(method === "qlora"
      ? [
          {
            key: "training.gradientCheckpointing",
            value: true,
            reason: "memory is short: less of each layer is kept, for a fifth more time",
          },
        ]
      : []),
    { key: "output", value: output, reason: "the run's directory" },
  ];
}

const ADAPTER_REASON =
  "LoRA: a few percent of the weights, nearly all of the quality, and it forgets less (https://arxiv.org/abs/2405.09673)";
const OBJECTIVE_REASONS = {
  dpo: "learns to prefer chosen answers over rejected ones, against the model as it was (https://arxiv.org/abs/2305.18290)",
  kto: "learns from single answers that were liked or not (https://arxiv.org/abs/2402.01306)",
  orpo: "",
  simpo: "",
};
const quantized: ProposedKey[] = [
  {
    key: "quantization.type",
    value: "nf4",
    reason: "QLoRA: the frozen weights in 4 bits (https://arxiv.org/abs/2305.14314)",
  },
  { key: "quantization.doubleQuant", value: true },
];

function evaluationKeys(survey: DataSurvey, heldOut: number, preset: Preset): ProposedKey[] {
  const isAnswered = purposeOf(survey).objective === "sft" && purposeOf(survey).stage === "instruct";
  return [
    {
      key: "evaluation.fraction",
      value: heldOut,
      reason: "held-out rows show whether it learns more than the rows by heart",
    },
    ...(preset === "quality"
      ? [{ key: "evaluation.patience", value: 2, reason: "two evaluations without a lower loss end the run" }]
      : []),
    ...(isAnswered && (survey.labels || preset === "quality")
      ? [
          {
            key: "evaluation.generate",
            value: 20,
            reason: survey.labels
              ? `answers are labels (${survey.labels.slice(0, 5).join(", ")}): some are asked for and scored`
              : "some held-out rows are answered and scored",
          },
        ]
      : []),
  ];
}

function headOf(
  { rows, kinds, unusable, scripts, duplicates }: DataSurvey,
  { preset }: InitChoices,
  lengths: Context["lengths"],
): string[] {
  const counted = Object.entries(kinds).map(([kind, n]) => `${n} ${kind}`);
  const written = scripts.slice(0, 3).map(({ name, share }) => `${name} ${Math.round(100 * share)}%`);
  return [
    `Written by attune init, preset ${preset}. Every key: docs/recipe.md.`,
    `Data: ${rows} rows (${counted.join(", ")}), ${written.join(", ") || "no letters"}; 95 of 100 up to ${lengths.p95} tokens, the longest ${lengths.longest}${lengths.cut > 0 ? ` and more: ${lengths.cut} are longer than the ${lengths.limit} looked at` : ""}.`,
    ...(duplicates > 0 ? [`${duplicates} rows equal an earlier one.`] : []),
    ...(unusable.count > 0
      ? [
          `${unusable.count} rows can't be used, and attune train refuses them. The first is ${unusable.first}`,
        ]
      : []),
  ];
}

function notesOn(survey: DataSurvey, base: Base, isFresh: boolean): string[] {
  const { stage } = purposeOf(survey);
  return [
    ...(survey.withTools > 0 && base.directory.chatTemplates === undefined
      ? [
          "the data offers tools, and this model has no chat template to write them with: choose an instruct model",
        ]
      : []),
    ...(isFresh && stage !== "pretrain"
      ? ["this model has no weights: answers are taught to a pretrained one"]
      : []),
  ];
}
