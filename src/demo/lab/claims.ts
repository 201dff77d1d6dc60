import { type Figure, figureOf, quotient, type SeedRows } from "./interval.ts";
import { type LabPart, needsChinese, type PartResult } from "./run_lab.ts";
import { NEVER_TRAINED, SINGLE_TASK } from "./settings.ts";

/** What a figure has to be: a number, or an interval that is wholly on one side of it. */
export type Bound =
  | { atLeast: number }
  | { atMost: number }
  | { intervalAbove: number }
  | { intervalBelow: number };

/** How a figure is written: as a share, a loss, a count. */
export type Unit = "share" | "points" | "nats" | "ratio" | "count";

/** A figure with the bound that it has to meet. */
export interface ClaimFinding {
  claim: ClaimName;
  /** What is measured. */
  text: string;
  unit: Unit;
  figure: Figure;
  /** Without one it is told for comparison. */
  bound?: Bound;
  holds?: boolean;
}

export const CLAIMS = [
  "pretrained",
  "single-task",
  "many-tasks",
  "never-trained",
  "lora-full",
  "vocabulary",
] as const;
export type ClaimName = (typeof CLAIMS)[number];

/** The parts that a claim is measured on. */
const PARTS: Readonly<Record<ClaimName, readonly LabPart[]>> = {
  pretrained: ["base"],
  "single-task": ["single-task"],
  "many-tasks": ["many-lora"],
  "never-trained": ["single-task", "many-lora"],
  "lora-full": ["base", "many-lora", "many-full"],
  vocabulary: ["vocabulary", "chinese-old", "chinese-extended"],
};

/** The parts that these claims need, each once, in the order in which they are run. */
export function neededParts(claims: readonly ClaimName[]): LabPart[] {
  const order = Object.values(PARTS).flat();
  return [...new Set(order)].filter((part) => claims.some((claim) => PARTS[claim].includes(part)));
}

export const isChinese = (claim: ClaimName): boolean => PARTS[claim].some(needsChinese);

/** What the results say of these claims. Parts must be there. */
export function findingsOf(claims: readonly ClaimName[], results: readonly PartResult[]): ClaimFinding[] {
  const of = (part: LabPart) => results.filter((result) => result.part === part);
  return claims.flatMap((claim) => MEASURES[claim](of).map((one) => judged(claim, one)));
}

type Measured = Omit<ClaimFinding, "claim" | "holds">;
type Results = (part: LabPart) => PartResult[];

const MEASURES: Readonly<Record<ClaimName, (of: Results) => Measured[]>> = {
  pretrained: (of) => [
    {
      text: "right answers, all kinds of task",
      unit: "share",
      figure: rightOf(of("base"), "seen", () => true),
      bound: { atMost: 0.1 },
    },
  ],
  "single-task": (of) => [
    {
      text: `right answers to its own kind of task, ${SINGLE_TASK}`,
      unit: "share",
      figure: rightOf(of("single-task"), "seen", (task) => task === SINGLE_TASK),
      bound: { atLeast: 0.9 },
    },
    {
      text: "right answers to all other kinds",
      unit: "share",
      figure: rightOf(of("single-task"), "seen", (task) => task !== SINGLE_TASK),
      bound: { atMost: 0.2 },
    },
  ],
  "many-tasks": (of) => [
    {
      text: "right answers to all trained kinds, one adapter",
      unit: "share",
      figure: rightOf(of("many-lora"), "seen", isTrained),
      bound: { atLeast: 0.85 },
    },
    {
      text: "the same in phrasings that were never trained",
      unit: "share",
      figure: rightOf(of("many-lora"), "unseen", isTrained),
      bound: { atLeast: 0.75 },
    },
  ],
  "never-trained": neverTrained,
  "lora-full": loraAgainstFull,
  vocabulary: vocabulary,
};

const isTrained = (task: string) => !NEVER_TRAINED.includes(task);

function neverTrained(of: Results): Measured[] {
  const [single, many] = [of("single-task"), of("many-lora")];
  const kinds = NEVER_TRAINED.map((kind) => ({
    kind,
    figure: figureOf(
      pairedRights(single, many, (task) => task === kind),
      ([a, b, count]) => (b! - a!) / count!,
    ),
  }));
  const above = kinds.filter(({ figure }) => figure.low > 0).length;
  return [
    ...kinds.map(
      ({ kind, figure }): Measured => ({
        text: `${kind}, never trained: many tasks minus single task`,
        unit: "points",
        figure,
      }),
    ),
    {
      text: "kinds never trained whose interval is above zero",
      unit: "count",
      figure: exactly(above),
      bound: { atLeast: 2 },
    },
  ];
}

function loraAgainstFull(of: Results): Measured[] {
  const [base, lora, full] = [of("base"), of("many-lora"), of("many-full")];
  const lost = (results: readonly PartResult[]) =>
    figureOf(paired(base, results, texts("old")), ([before, n, after]) => (after! - before!) / n!);
  return [
    { text: "right answers with all weights", unit: "share", figure: rightOf(full, "seen", isTrained) },
    {
      text: "LoRA's right answers over those of all weights",
      unit: "share",
      figure: figureOf(pairedRights(full, lora, isTrained), ([a, b]) => b! / a!),
      bound: { atLeast: 0.95 },
    },
    {
      text: "LoRA's trained parameters over those of all weights",
      unit: "share",
      figure: exactly(lora[0]!.trainedParameters! / full[0]!.trainedParameters!),
      bound: { atMost: 0.05 },
    },
    { text: "forgetting with LoRA: loss on pretraining text, rise", unit: "nats", figure: lost(lora) },
    { text: "forgetting with all weights", unit: "nats", figure: lost(full) },
    {
      text: "all weights forget more than LoRA: difference",
      unit: "nats",
      figure: figureOf(paired(lora, full, texts("old")), ([less, n, more]) => (more! - less!) / n!),
      bound: { intervalAbove: 0 },
    },
  ];
}

function vocabulary(of: Results): Measured[] {
  const [spelled] = of("vocabulary");
  const [old, extended] = [of("chinese-old"), of("chinese-extended")];
  const tokens = pairs(spelled!.texts.old!, spelled!.texts.extended!).map(([a, b]) => [a[1], b[1]]);
  const characters = (rows: SeedRows) => figureOf([rows], quotient);
  const perCharacter = (results: readonly PartResult[]) =>
    figureOf(
      results.map(({ texts }) => texts.chinese!.map(([nll, , count]) => [nll, count])),
      (sums) => Math.exp(quotient(sums)),
    );
  const changed = spelled!.answers.kept!.filter(([, same]) => !same).length;
  return [
    {
      text: "tokens per Chinese character before",
      unit: "ratio",
      figure: characters(spelled!.texts.old!.map((row) => row.slice(1))),
    },
    {
      text: "tokens per Chinese character after",
      unit: "ratio",
      figure: characters(spelled!.texts.extended!.map((row) => row.slice(1))),
    },
    {
      text: "fewer tokens per Chinese character",
      unit: "share",
      figure: figureOf([tokens], ([before, after]) => 1 - after! / before!),
      bound: { atLeast: 0.35 },
    },
    {
      text: `old texts of ${spelled!.answers.kept!.length} that are encoded in another way`,
      unit: "count",
      figure: exactly(changed),
      bound: { atMost: 0 },
    },
    { text: "perplexity per character, old vocabulary", unit: "ratio", figure: perCharacter(old) },
    { text: "perplexity per character, extended", unit: "ratio", figure: perCharacter(extended) },
    {
      text: "perplexity per character, extended over old",
      unit: "ratio",
      figure: figureOf(
        old.map((one, i) =>
          pairs(one.texts.chinese!, extended[i]!.texts.chinese!).map(([a, b]) => [a[0], b[0], a[2]]),
        ),
        ([before, after, count]) => Math.exp((after! - before!) / count!),
      ),
      bound: { intervalBelow: 1 },
    },
  ];
}

/** Terms of the same rows by two models: a's, the number of rows or tokens, b's. */
function paired(
  a: readonly PartResult[],
  b: readonly PartResult[],
  termsOf: (result: PartResult) => (readonly [number, number])[],
): SeedRows[] {
  return a.map((one, i) => pairs(termsOf(one), termsOf(b[i]!)).map(([x, y]) => [x[0], x[1], y[0]]));
}

const texts = (name: string) => (result: PartResult) =>
  result.texts[name]!.map(([nll, tokens]) => [nll, tokens] as const);

/** [right by a, right by b, 1] of each question. */
function pairedRights(
  a: readonly PartResult[],
  b: readonly PartResult[],
  isWanted: (task: string) => boolean,
): SeedRows[] {
  return a.map((one, i) =>
    pairs(one.answers.seen!, b[i]!.answers.seen!)
      .filter(([[task]]) => isWanted(task))
      .map(([[, x], [, y]]) => [x, y, 1]),
  );
}

const pairs = <T>(a: readonly T[], b: readonly T[]): [T, T][] => a.map((one, i) => [one, b[i]!]);

const rightOf = (results: readonly PartResult[], set: string, isWanted: (task: string) => boolean): Figure =>
  figureOf(
    results.map(({ answers }) =>
      answers[set]!.filter(([task]) => isWanted(task)).map(([, right]) => [right, 1]),
    ),
    quotient,
  );

const exactly = (value: number): Figure => ({ value, low: value, high: value, seeds: [value] });

function judged(claim: ClaimName, measured: Measured): ClaimFinding {
  const { figure, bound } = measured;
  return { claim, ...measured, ...(bound && { holds: meets(figure, bound) }) };
}

export function meets({ value, low, high }: Figure, bound: Bound): boolean {
  if ("atLeast" in bound) return value >= bound.atLeast;
  if ("atMost" in bound) return value <= bound.atMost;
  return "intervalAbove" in bound ? low > bound.intervalAbove : high < bound.intervalBelow;
}
