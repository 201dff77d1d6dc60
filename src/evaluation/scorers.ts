import type { Followed } from "./ifeval/follow.ts";
import type { Result } from "./measure.ts";
import type { Question } from "./questions/question.ts";
import { bleu } from "./scores/bleu.ts";
import type { BleuTokenizer } from "./scores/bleu_words.ts";
import { chrf } from "./scores/chrf.ts";
import { contains } from "./scores/contains.ts";
import { exactMatch } from "./scores/exact_match.ts";
import { f1 } from "./scores/f1.ts";
import { jsonOf } from "./scores/json_text.ts";
import { jsonValid } from "./scores/json_valid.ts";
import { labelAccuracy } from "./scores/label_accuracy.ts";
import { rougeL } from "./scores/rouge_l.ts";
import { ratio, type Score } from "./scores/score.ts";

/** A score of questions, from what a model made of them. */
export interface Scorer {
  name: string;
  /** What a question adds, [terms]; nothing where the score doesn't apply to it. */
  terms(question: Question, result: Result): number[] | undefined;
  value(sums: ArrayLike<number>): number;
}

/** Scores that a recipe asks for beside those that go without saying. */
export interface ExtraScores {
  /** Of every answer. */
  answers?: readonly Score[];
  /** Names of those that a function of one's own gives. */
  own?: readonly string[];
}

/** All scores of these questions, in the order in which they are reported. */
export function scorersFor(
  questions: readonly Question[],
  { answers = [], own = [] }: ExtraScores,
): Scorer[] {
  const isJson = questions.some(({ isGenerated }) => isGenerated) && questions.every(wantsJson);
  return [
    ...LABELS,
    ...CHOICES,
    ...[exactMatch, contains, f1, rougeL, bleu(bleuTokenizer(questions)), chrf].map(ofReferences),
    ofLabels,
    ...(isJson ? [ofAnswer(jsonValid)] : []),
    ...answers.map(ofAnswer),
    ...own.map(ofOwn),
    ...IFEVAL,
  ];
}

const LABELS: Scorer[] = [
  { name: "loss", terms: (_, { labels }) => labels?.slice(0, 2), value: ratio },
  {
    name: "perplexity",
    terms: (_, { labels }) => labels?.slice(0, 2),
    value: (sums) => Math.exp(ratio(sums)),
  },
  { name: "tokenAccuracy", terms: (_, { labels }) => labels?.slice(2), value: ratio },
];

const CHOICES: Scorer[] = (["acc", "accNorm"] as const).map((name) => ({
  name,
  terms: ({ choices }, { choice }) =>
    choice &&
    choices && [Number((name === "acc" ? choice.likeliest : choice.likeliestByLength) === choices.right), 1],
  value: ratio,
}));

const ofAnswer = (score: Score): Scorer => ({
  name: score.name,
  terms: ({ references }, { answer }) => (answer === undefined ? undefined : score.terms(answer, references)),
  value: score.value,
});

const ofReferences = (score: Score): Scorer => ({
  ...ofAnswer(score),
  terms: ({ references }, { answer }) =>
    answer === undefined || references.length === 0 ? undefined : score.terms(answer, references),
});

const ofLabels: Scorer = {
  name: "labelAccuracy",
  terms: ({ choices, references }, { answer }) =>
    choices && answer !== undefined ? labelAccuracy(choices.texts).terms(answer, references) : undefined,
  value: ratio,
};

const ofOwn = (name: string): Scorer => ({
  name,
  terms: (_, { own }) => (own && Object.hasOwn(own, name) ? [own[name]!, 1] : undefined),
  value: ratio,
});

/** IFEval's four accuracies: of whole prompts and of single instructions, strict and loose. */
const IFEVAL: Scorer[] = (["strict", "loose"] as const).flatMap((way): Scorer[] => {
  const kind = way === "strict" ? "Strict" : "Loose";
  const followed = ({ follow }: Question, { answer }: Result) =>
    answer === undefined ? undefined : followedOnce(follow, answer)?.[way];
  return [
    {
      name: `promptLevel${kind}Acc`,
      terms(question, result) {
        const all = followed(question, result);
        return all && [Number(all.every(Boolean)), 1];
      },
      value: ratio,
    },
    {
      name: `instLevel${kind}Acc`,
      terms(question, result) {
        const all = followed(question, result);
        return all && [all.filter(Boolean).length, all.length];
      },
      value: ratio,
    },
  ];
});

/** Four scores ask of the same answer one after another. */
let last: { follow?: Question["follow"]; answer: string; followed?: Followed } = { answer: "" };

function followedOnce(follow: Question["follow"], answer: string): Followed | undefined {
  if (last.follow !== follow || last.answer !== answer) last = { follow, answer, followed: follow?.(answer) };
  return last.followed;
}

const wantsJson = ({ isGenerated, references }: Question): boolean =>
  !isGenerated || (references.length > 0 && references.every(isJsonText));

const isJsonText = (text: string) => /^\s*[[{]/.test(text) && jsonOf(text) !== undefined;

/** sacrebleu's tokenizer for Chinese where at least half of the references have Chinese characters. */
export function bleuTokenizer(questions: readonly Question[]): BleuTokenizer {
  const all = questions.flatMap(({ references }) => references);
  const chinese = all.filter((text) => /\p{Script=Han}/u.test(text)).length;
  return chinese > 0 && 2 * chinese >= all.length ? "zh" : "13a";
}
