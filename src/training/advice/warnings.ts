import { asLora } from "../../adapters/lora/as_lora.ts";
import type { SettledRecipe } from "../recipe.ts";
import type { AdviceFacts } from "./facts.ts";
import { LARGE_RANK } from "./recommend.ts";
import { SOURCES } from "./sources.ts";

/** A setting that is known to fail, or that something is lost by. */
export interface AdviceWarning {
  key: string;
  problem: string;
  /** What to do about it. */
  wayOut: string;
  source: string;
}

/** What of a recipe is known to go wrong with such data. */
export const warningsOf = (recipe: SettledRecipe, facts: AdviceFacts): AdviceWarning[] =>
  RULES.flatMap((rule) => rule(recipe, facts) ?? []);

type Rule = (recipe: SettledRecipe, facts: AdviceFacts) => AdviceWarning | undefined;

/** Above these a run falls apart or forgets: rates by what is trained, for supervised learning. */
const HIGHEST = { adapter: 2e-3, weights: 1e-4, "random weights": 3e-3 } as const;
const LOWEST = { adapter: 1e-5, weights: 1e-6, "random weights": 1e-5 } as const;
/** For preferences, whose gradients push the same way until the rate is lowered. */
const HIGHEST_PREFERENCES = { adapter: 5e-5, weights: 5e-6, "random weights": 5e-6 } as const;

const rateTooHigh: Rule = ({ training, adapter }, { trains, objective }) => {
  if (isOtherKind(adapter)) return undefined;
  const most = (objective === "sft" ? HIGHEST : HIGHEST_PREFERENCES)[trains];
  if (training.learningRate <= most) return undefined;
  return {
    key: "training.learningRate",
    problem: `${training.learningRate} is too high for ${NAMES[trains]}: the loss rises, or what the model knew is lost`,
    wayOut: `At most ${most}`,
    source: objective === "sft" ? SOURCES.regret : SOURCES.dpo,
  };
};

const rateTooLow: Rule = ({ training, adapter }, { trains, objective }) => {
  if (isOtherKind(adapter) || objective !== "sft" || training.learningRate >= LOWEST[trains])
    return undefined;
  return {
    key: "training.learningRate",
    problem: `${training.learningRate} teaches ${NAMES[trains]} hardly anything`,
    wayOut: trains === "adapter" ? "About ten times what all weights would take: 2e-4" : "About 2e-5",
    source: SOURCES.regret,
  };
};

const NAMES = { adapter: "an adapter", weights: "all weights", "random weights": "random weights" } as const;

/** IA3's and VeRA's rates are others. */
const isOtherKind = (adapter: SettledRecipe["adapter"]) =>
  adapter !== undefined && "type" in adapter && !asLora(adapter);

const loraOf = ({ adapter }: SettledRecipe) => asLora(adapter);

const tinyBatch: Rule = (recipe) => {
  const { batchSize, learningRate } = recipe.training;
  const r = loraOf(recipe)?.r ?? 0;
  if (batchSize > 2 || (learningRate < 1e-4 && r < LARGE_RANK)) return undefined;
  return {
    key: "training.batchSize",
    problem: `steps of ${batchSize} ${batchSize === 1 ? "example" : "examples"} follow each example's noise at this rate${r >= LARGE_RANK ? ` and rank ${r}` : ""}`,
    wayOut: "At least 4: memory stays the same, passes are summed",
    source: SOURCES.regret,
  };
};

const tooManyEpochs: Rule = ({ training, stage }, { examples }) => {
  const epochs = training.epochs ?? (training.maxSteps! * training.batchSize) / examples;
  if (stage === "pretrain" ? epochs <= 4 : epochs <= (examples < FEW ? 10 : 6)) return undefined;
  return {
    key: training.epochs === undefined ? "training.maxSteps" : "training.epochs",
    problem: `${Number(epochs.toPrecision(3))} passes through ${examples} examples: they are learnt by heart, and answers to others get worse`,
    wayOut:
      stage === "pretrain"
        ? "Take 4 at most"
        : "Take 3 to 5, with evaluation.fraction and evaluation.patience to see the turn",
    source: SOURCES.repeats,
  };
};

const FEW = 200;

const fewRows: Rule = ({ stage }, { examples, objective }) => {
  const least = objective === "sft" ? 20 : 100;
  if (stage === "pretrain" || examples >= least) return undefined;
  return {
    key: "data",
    problem: `${examples} examples show a form, and hardly a skill`,
    wayOut:
      objective === "sft" ? "50 good rows are a start, a thousand are many" : "Some hundred pairs at least",
    source: SOURCES.lima,
  };
};

const cutRows: Rule = ({ training }, { truncated = 0, examples }) => {
  if (truncated <= CUT * examples) return undefined;
  return {
    key: "training.maxLength",
    problem: `${truncated} examples are longer than ${training.maxLength} tokens and lose the end of their answers: the model learns to break off`,
    wayOut: "A larger maxLength, or shorter rows",
    source: SOURCES.attune,
  };
};

const CUT = 0.05; // of the examples

const rankTooHigh: Rule = (recipe, { examples }) => {
  const r = loraOf(recipe)?.r ?? 0;
  if (r < LARGE_RANK || examples >= 1_000) return undefined;
  return {
    key: "adapter.r",
    problem: `rank ${r} for ${examples} examples holds far more than they teach: they are learnt by heart`,
    wayOut: "8 or 16",
    source: SOURCES.regret,
  };
};

const rankWithoutScale: Rule = (recipe) => {
  const lora = loraOf(recipe);
  if (!lora || lora.r < LARGE_RANK || lora.useRslora) return undefined;
  return {
    key: "adapter.useRslora",
    problem: `at rank ${lora.r} the scale alpha / r makes the gradient of each term small: the higher rank learns no more`,
    wayOut: "true, with alpha about as large as r",
    source: SOURCES.rslora,
  };
};

const attentionOnly: Rule = (recipe) => {
  const targets = loraOf(recipe)?.targetModules;
  if (
    !Array.isArray(targets) ||
    !targets.every((name) => /(^|\.)(q|k|v|o|qkv|c_attn|query_key_value)(_proj)?$/.test(name))
  )
    return undefined;
  return {
    key: "adapter.targetModules",
    problem:
      "adapters on attention alone learn less than on all linear layers, at the same number of parameters, too",
    wayOut: "all-linear",
    source: SOURCES.regret,
  };
};

const noHeldOut: Rule = ({ evaluation, stage }, { examples }) => {
  if (evaluation || stage === "pretrain" || examples < 50) return undefined;
  return {
    key: "evaluation",
    problem: "nothing is held out: the loss falls whether the model learns or only remembers",
    wayOut: "evaluation: { fraction: 0.1 }",
    source: SOURCES.learnsLess,
  };
};

const fewSteps: Rule = ({ training }, { examples }) => {
  const steps = training.maxSteps ?? Math.ceil(Math.ceil(examples / training.batchSize) * training.epochs!);
  if (steps >= 10) return undefined;
  return {
    key: "training.batchSize",
    problem: `${steps} steps are too few to learn from`,
    wayOut: "Smaller batches, or more epochs: some ten steps at least",
    source: SOURCES.regret,
  };
};

const noWarmup: Rule = ({ training }, { trains }) => {
  if (trains === "adapter" || training.warmupRatio > 0) return undefined;
  return {
    key: "training.warmupRatio",
    problem: "without warm-up AdamW's first steps are as long as any, on moments of a single batch",
    wayOut: "0.03",
    source: SOURCES.warmup,
  };
};

const RULES: readonly Rule[] = [
  rateTooHigh,
  rateTooLow,
  tinyBatch,
  tooManyEpochs,
  fewRows,
  cutRows,
  rankTooHigh,
  rankWithoutScale,
  attentionOnly,
  noHeldOut,
  fewSteps,
  noWarmup,
];
