import type { Phrasings, Range, Spread } from "./evaluation.ts";
import type { Question } from "./questions/question.ts";
import { type Comparison, compareGroups, type Scored, type Scores } from "./scorecard.ts";
import type { ExtraScores } from "./scorers.ts";

/** A task's phrasing: its text, and whether training used it. */
export interface PhrasingName {
  text: string;
  trained: boolean;
}

/** The scores of the same rows in each phrasing, and how far they spread. */
export function comparePhrasings(
  scored: Scored,
  nameOf: (question: Question) => PhrasingName,
  extra: ExtraScores,
  seed: number,
): Phrasings {
  const names = new Map(
    scored.questions.map((question) => [nameOf(question).text, nameOf(question).trained]),
  );
  const groups = compareGroups(scored, (question) => nameOf(question).text, extra, seed);
  const each = Object.entries(groups).map(
    ([text, comparison]) => [text, { ...comparison, trained: names.get(text)! }] as const,
  );
  const spreadOf = (trained: boolean) => {
    const some = each.filter(([, comparison]) => comparison.trained === trained).map(([, one]) => one);
    return some.length === 0 ? undefined : spread(some);
  };
  const [trained, heldOut] = [spreadOf(true), spreadOf(false)];
  return {
    each: Object.fromEntries(each),
    spread: { ...(trained && { trained }), ...(heldOut && { heldOut }) },
  };
}

function spread(comparisons: readonly Comparison[]): Spread {
  const names = new Set(comparisons.flatMap(({ base, tuned }) => Object.keys({ ...base, ...tuned })));
  return Object.fromEntries(
    Array.from(names, (name) => {
      const rangeOf = (of: (comparison: Comparison) => Scores | null) => {
        const values = comparisons.flatMap((comparison) => of(comparison)?.[name]?.value ?? []);
        return values.length === 0 ? undefined : range(values);
      };
      const [base, tuned] = [rangeOf((c) => c.base), rangeOf((c) => c.tuned)];
      return [name, { ...(base && { base }), ...(tuned && { tuned }) }];
    }),
  );
}

const range = (values: readonly number[]): Range => ({
  mean: values.reduce((sum, value) => sum + value, 0) / values.length,
  min: Math.min(...values),
  max: Math.max(...values),
});
