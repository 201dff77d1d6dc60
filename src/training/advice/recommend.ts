import type { AdviceFacts, AdvisedSetting } from "./facts.ts";
import { SOURCES } from "./sources.ts";

/** What is known to work for such data: rules of thumb, each with its reason. Nothing is measured here. */
export function recommend(facts: AdviceFacts): AdvisedSetting[] {
  const settings = [...trainingSettings(facts), lengthSetting(facts)];
  return [...(facts.trains === "adapter" ? loraSettings(facts) : []), ...settings].filter(
    (s) => s !== undefined,
  );
}

/** From how many examples on a value holds. */
type Ladder<T> = readonly (readonly [from: number, value: T])[];

const RANKS: Ladder<number> = [
  [0, 8],
  [500, 16],
  [10_000, 32],
  [50_000, 64],
];
const BATCHES: Ladder<number> = [
  [0, 4],
  [200, 8],
  [1_000, 16],
  [50_000, 32],
];
const EPOCHS: Ladder<number> = [
  [0, 5],
  [200, 3],
  [20_000, 2],
  [50_000, 1],
];

const step = <T>(ladder: Ladder<T>, n: number): T => ladder.findLast(([from]) => from <= n)![1];

/** From this rank on LoRA's own scale makes updates too small. */
export const LARGE_RANK = 64;

function loraSettings({ examples }: AdviceFacts): AdvisedSetting[] {
  const r = step(RANKS, examples);
  const isLarge = r >= LARGE_RANK;
  return [
    {
      key: "adapter.targetModules",
      value: "all-linear",
      reason:
        "adapters on all linear layers learn as much as all weights do; on attention alone they don't, at any rank",
      source: SOURCES.qlora,
    },
    {
      key: "adapter.r",
      value: r,
      reason: `the rank has to hold what ${count(examples)} examples teach; more learns no more, and costs memory`,
      source: SOURCES.regret,
    },
    {
      key: "adapter.alpha",
      value: isLarge ? r : 2 * r,
      reason: isLarge
        ? "with rsLoRA the scale is alpha / √r"
        : "the scale alpha / r is 2, so that the rate need not change with the rank",
      source: isLarge ? SOURCES.rslora : SOURCES.lora,
    },
    ...(isLarge
      ? [
          {
            key: "adapter.useRslora",
            value: true,
            reason: "at large ranks alpha / r is too small a scale: alpha / √r isn't",
            source: SOURCES.rslora,
          },
        ]
      : []),
  ];
}

function trainingSettings(facts: AdviceFacts): AdvisedSetting[] {
  const batchSize = batchFor(facts);
  const epochs = epochsFor(facts);
  const steps = Math.ceil(facts.examples / batchSize) * epochs;
  return [
    rate(facts),
    {
      key: "training.batchSize",
      value: batchSize,
      reason:
        facts.trains === "adapter"
          ? "LoRA bears large batches worse than all weights do, and few examples need their steps"
          : "large enough for a steady gradient, small enough for a few hundred steps",
      source: facts.objective === "kto" ? SOURCES.kto : SOURCES.regret,
    },
    {
      key: "training.epochs",
      value: epochs,
      reason: `${count(facts.examples)} examples: more passes teach them by heart`,
      source:
        facts.objective === "sft" ? (facts.examples < 1_000 ? SOURCES.lima : SOURCES.alpaca) : SOURCES.dpo,
    },
    {
      key: "training.warmupRatio",
      value: steps < FEW_STEPS ? 0.1 : 0.03,
      reason:
        steps < FEW_STEPS
          ? "a tenth of so few steps, so that the first ones don't jump"
          : "the first steps are the roughest: the rate rises in them",
      source: SOURCES.warmup,
    },
  ];
}

const FEW_STEPS = 100;

function batchFor({ objective, examples }: AdviceFacts): number {
  const size = step(BATCHES, examples);
  return objective === "kto" ? Math.max(8, size) : size;
}

function epochsFor({ stage, objective, examples }: AdviceFacts): number {
  if (stage === "pretrain") return 1;
  return objective === "sft" ? step(EPOCHS, examples) : Math.min(2, step(EPOCHS, examples));
}

/** LoRA's rate is about ten times that of all weights, whatever is learnt. */
const LORA_FACTOR = 10;
const FULL_RATES: Record<AdviceFacts["objective"], number> = {
  sft: 2e-5,
  dpo: 1e-6,
  kto: 1e-6,
  orpo: 5e-6,
  simpo: 1e-6,
};

function rate({ trains, objective }: AdviceFacts): AdvisedSetting {
  const key = "training.learningRate";
  if (trains === "random weights")
    return { key, value: 5e-4, reason: "random weights have far to go", source: SOURCES.course };
  const full = FULL_RATES[objective];
  if (trains === "weights")
    return {
      key,
      value: full,
      reason: "a model's own weights bear no more",
      source: objective === "sft" ? SOURCES.alpaca : SOURCES.trl,
    };
  return {
    key,
    value: Number((LORA_FACTOR * full).toPrecision(3)),
    reason: `LoRA's best rate is about ten times that of all weights (${full})`,
    source: objective === "sft" ? SOURCES.regret : SOURCES.dpo,
  };
}

const LENGTHS = [128, 256, 512, 1024, 2048, 4096, 8192];

function lengthSetting({ lengths }: AdviceFacts): AdvisedSetting | undefined {
  if (!lengths) return undefined;
  const enough = LENGTHS.find((length) => length >= lengths.longest);
  const most = LENGTHS.find((length) => length >= lengths.p95) ?? LENGTHS.at(-1)!;
  const value = enough !== undefined && enough <= 2 * most ? enough : most;
  const reason = lengths.cut
    ? `${count(lengths.cut)} examples are longer than ${count(lengths.longest)} tokens and lose their end`
    : value >= lengths.longest
      ? `the longest example has ${count(lengths.longest)} tokens: none is cut`
      : `95 of 100 examples fit; the longest, ${count(lengths.longest)} tokens, would make every step's memory larger`;
  return { key: "training.maxLength", value, reason, source: "the data" };
}

const count = (n: number) => n.toLocaleString("en-US");
