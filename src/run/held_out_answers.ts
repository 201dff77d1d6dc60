import { openPlan } from "../data/tokenize/tokenize_plan.ts";
import { measure } from "../evaluation/measure.ts";
import { scoreOwn, tryScorer } from "../evaluation/own_scores.ts";
import { type Sample, samplesOf, valuesOf } from "../evaluation/scorecard.ts";
import type { ExtraScores } from "../evaluation/scorers.ts";
import { appendMetrics } from "../files/metrics_file.ts";
import type { HubOptions } from "../hub/options.ts";
import type { Base } from "../pretrained/base.ts";
import type { OpenSession, SessionOptions } from "../runtime/session.ts";
import type { Method } from "../training/method.ts";
import type { Ranks } from "../training/ranks.ts";
import type { Recipe } from "../training/recipe.ts";
import { byTurns, longestWanted, prepareAnswers } from "./answer_limits.ts";
import { type AnswerScores, openAnswerScores } from "./answer_scores.ts";
import { type ExamineeParts, openExaminee } from "./examinee.ts";
import { heldOutOf, heldOutQuestions, type QuestionSet } from "./held_out_questions.ts";
import { measureShared } from "./measure_shared.ts";
import { type RunData, runPlan } from "./prepare_data.ts";

/** Held-out rows that are answered at each evaluation, read and checked before training. */
export interface HeldOutAnswers extends QuestionSet {
  tokenize: ExamineeParts["tokenize"];
  scores: AnswerScores;
  extra: ExtraScores;
  maxTokens?: number;
}

interface Parts {
  recipe: Recipe;
  base: Base;
  data: RunData;
  /** What a template writes as today's date. */
  now: Date;
  hub?: HubOptions;
  warn(message: string): void;
}

/**
 * Reads what is asked while training, and opens its scores.
 * @returns nothing where nothing is asked.
 * @throws AttuneError that names the row, the score or the setting at fault: no step is taken then.
 */
export async function openHeldOutAnswers({
  recipe,
  base,
  data,
  now,
  hub,
  warn,
}: Parts): Promise<HeldOutAnswers | undefined> {
  const { evaluation, seed } = recipe;
  if (!evaluation) return undefined;
  const scores = await openAnswerScores(recipe);
  const isOwn = evaluation.path !== undefined || evaluation.rows !== undefined;
  if (!isOwn && evaluation.generate === undefined && !scores.own) return undefined;
  const tokenize = { ...openPlan(await runPlan(recipe, base, now)), answers: "liked" as const };
  const stored = Array.from({ length: data.evaluation.length }, (_, i) => data.evaluation.at(i));
  const all = await heldOutQuestions(recipe, heldOutOf(stored), { tokenize, seed, hub });
  const own = scores.own && (await tryScorer(scores.own, all.questions));
  if (evaluation.generate === undefined) return undefined;
  for (const note of prepareAnswers(all, tokenize, base)) warn(note);
  const set = chosen(all, evaluation.generate);
  if (set.questions.length === 0)
    warn("evaluation.generate has no effect: no held-out row asks for an answer");
  return {
    ...set,
    tokenize,
    scores,
    extra: { answers: scores.answers, own },
    maxTokens: evaluation.maxTokens ?? longestWanted(set.questions, tokenize),
  };
}

/** Of each task as many as of the others; exams' questions, which are not answered in words, among them. */
function chosen({ questions, tokenized }: QuestionSet, most: number): QuestionSet {
  const asked = questions.filter(({ isGenerated, choices }) => isGenerated || choices);
  const some = new Set(byTurns(asked).slice(0, most));
  const places = [...questions.keys()].filter((i) => some.has(questions[i]!));
  return {
    questions: places.map((i) => questions[i]!),
    tokenized: places.map((i) => ({ sequences: [], choices: tokenized[i]!.choices })),
  };
}

export interface AnswersPort {
  /** Asks the model as it is now: scores by name. */
  evaluation(step: number): Promise<Record<string, number>>;
  /** What was answered last, and what went wrong with the scores. */
  last(): { samples: Sample[]; notes?: string[] };
  release(): Promise<void>;
}

interface PortParts {
  base: Base;
  method: Method;
  open: OpenSession;
  session: SessionOptions;
  /** The processes that answer together: each its share of the questions. */
  ranks: Ranks;
  /** The run's samples.jsonl, at the process that writes. */
  kept?: { file: string; write<T>(work: () => Promise<T>): Promise<T> };
}

/** Answers at each evaluation of a run; they go into `file`, a line each time. */
export function answersPort(asked: HeldOutAnswers, parts: PortParts): AnswersPort {
  const { questions, tokenized, tokenize, scores, extra, maxTokens } = asked;
  const { kept, ranks } = parts;
  const examinee = openExaminee({ ...parts, tokenize });
  let last: ReturnType<AnswersPort["last"]> = { samples: [] };
  return {
    async evaluation(step) {
      const results = await measureShared({ questions, tokenized }, ranks, (set) =>
        measure(set.questions, set.tokenized, examinee, { maxTokens }),
      );
      const notes = scores.own ? await scoreOwn(scores.own, questions, results) : [];
      const samples = samplesOf({ questions, tuned: results }, questions.length);
      last = { samples, ...(notes.length > 0 && { notes }) };
      await kept?.write(() => appendMetrics(kept.file, { step, samples }));
      return valuesOf(questions, results, extra);
    },
    last: () => last,
    release: () => examinee.release(),
  };
}
