import { groupBy } from "../text/group_by.ts";
import type { Result } from "./measure.ts";
import { type Question, questionText } from "./questions/question.ts";
import { type ExtraScores, type Scorer, scorersFor } from "./scorers.ts";
import { sumTerms } from "./scores/score.ts";
import { bootstrap, type Interval, type Measured } from "./statistics/bootstrap.ts";
import { pairedTest } from "./statistics/paired_test.ts";

/** Scores by their names, each with its 95% interval. */
export type Scores = Record<string, Interval>;

/** How much the tuned model's score is above the base's, and how likely as large a difference is by chance. */
export type Differences = Record<string, Interval & { p: number }>;

/** The two models on the same questions; `tuned` is null where there is none. */
export interface Comparison {
  /** Questions. */
  rows: number;
  base: Scores;
  tuned: Scores | null;
  difference?: Differences;
}

/** A question with what was answered. */
export interface Sample {
  task: string;
  file: string;
  row: number;
  question: string;
  references: readonly string[];
  base?: string;
  tuned?: string;
}

export interface Scored {
  questions: readonly Question[];
  /** Nothing where there is no model before training: its weights started at random. */
  base?: readonly Result[];
  tuned?: readonly Result[];
}

/** Scores base and tuned on the same questions. */
export function compare({ questions, base, tuned }: Scored, extra: ExtraScores, seed: number): Comparison {
  const comparison: Comparison = { rows: questions.length, base: {}, tuned: tuned ? {} : null };
  for (const scorer of scorersFor(questions, extra)) {
    const own = base && measuredBy(scorer, questions, base);
    const other = tuned && measuredBy(scorer, questions, tuned);
    const known = [own, other].filter((measured) => measured && measured.terms.length > 0) as Measured[];
    const isPaired = known.length === 2 && known[0]!.terms.length === known[1]!.terms.length;
    const intervals = isPaired
      ? bootstrap(known, seed, withDifference)
      : known.flatMap((measured) => bootstrap([measured], seed));
    for (const [i, measured] of known.entries())
      (measured === own ? comparison.base : comparison.tuned!)[scorer.name] = intervals[i]!;
    if (!isPaired) continue;
    comparison.difference ??= {};
    const p = pairedTest(known[0]!, known[1]!, seed);
    comparison.difference[scorer.name] = { ...intervals[2]!, p };
  }
  return comparison;
}

const withDifference = ([base, tuned]: readonly number[]): number[] => [base!, tuned!, tuned! - base!];

function measuredBy(scorer: Scorer, questions: readonly Question[], results: readonly Result[]): Measured {
  const terms = questions.flatMap((question, i) => {
    const own = scorer.terms(question, results[i]!);
    return own ? [own] : [];
  });
  return { terms, value: scorer.value };
}

/** What a model's answers and choices are worth, without intervals: by the scores' names. */
export function valuesOf(
  questions: readonly Question[],
  results: readonly Result[],
  extra: ExtraScores,
): Record<string, number> {
  const values: Record<string, number> = {};
  for (const scorer of scorersFor(questions, extra)) {
    const { terms, value } = measuredBy(scorer, questions, results);
    if (terms.length > 0) values[scorer.name] = value(sumTerms(terms));
  }
  return values;
}

/** The same for each group of questions, in the order in which the groups first come. */
export function compareGroups(
  scored: Scored,
  groupOf: (question: Question) => string | undefined,
  extra: ExtraScores,
  seed: number,
): Record<string, Comparison> {
  const nameOf = (place: number) => groupOf(scored.questions[place]!);
  const named = [...scored.questions.keys()].filter((place) => nameOf(place) !== undefined);
  const groups = groupBy(named, (place) => nameOf(place)!);
  return Object.fromEntries(
    Array.from(groups, ([name, places]) => [name, compare(questionsAt(scored, places), extra, seed)]),
  );
}

export const questionsAt = ({ questions, base, tuned }: Scored, places: readonly number[]): Scored => ({
  questions: places.map((i) => questions[i]!),
  ...(base && { base: places.map((i) => base[i]!) }),
  ...(tuned && { tuned: places.map((i) => tuned[i]!) }),
});

/** Answers to show, `most` at most: of each task its first ones, as they come, not chosen. */
export function samplesOf({ questions, base, tuned }: Scored, most: number): Sample[] {
  const asked = [...questions.keys()].filter((i) => (tuned ?? base)?.[i]?.answer !== undefined);
  const turns = new Map<string, number>();
  const rank = (i: number) => {
    const turn = turns.get(questions[i]!.task) ?? 0;
    turns.set(questions[i]!.task, turn + 1);
    return turn;
  };
  const ranked = asked.map((i) => ({ i, turn: rank(i) })).sort((a, b) => a.turn - b.turn || a.i - b.i);
  return ranked.slice(0, most).map(({ i }) => sampleOf(questions[i]!, base?.[i], tuned?.[i]));
}

function sampleOf({ task, origin, prompt, references }: Question, base?: Result, tuned?: Result): Sample {
  return {
    task,
    file: origin.file,
    row: origin.row,
    question: questionText(prompt),
    references,
    ...(base && { base: base.answer ?? "" }),
    ...(tuned && { tuned: tuned.answer ?? "" }),
  };
}
