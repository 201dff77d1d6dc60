import { readAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { findAdapterDirectory } from "../adapters/peft/find_adapter.ts";
import { openPlan } from "../data/tokenize/tokenize_plan.ts";
import type { Evaluation } from "../evaluation/evaluation.ts";
import { type MeasureOptions, measure, type Result } from "../evaluation/measure.ts";
import { scoreOwn, tryScorer } from "../evaluation/own_scores.ts";
import { comparePhrasings } from "../evaluation/phrasings.ts";
import type { Question } from "../evaluation/questions/question.ts";
import { compare, compareGroups, questionsAt, type Scored, samplesOf } from "../evaluation/scorecard.ts";
import { bleuTokenizer, type ExtraScores } from "../evaluation/scorers.ts";
import type { HubOptions } from "../hub/options.ts";
import { type Base, openBase } from "../pretrained/base.ts";
import { quantizedBase } from "../pretrained/quantized_base.ts";
import { requireSameBase } from "../pretrained/same_base.ts";
import { openSession } from "../runtime/node.ts";
import type { Device } from "../runtime/session.ts";
import { AttuneError } from "../text/errors.ts";
import { fullMethod, type Method } from "../training/method.ts";
import { parseRecipe, type Recipe, type RecipeInput } from "../training/recipe.ts";
import { longestWanted, prepareAnswers } from "./answer_limits.ts";
import { openAnswerScores } from "./answer_scores.ts";
import { savedAdapterMethod } from "./choose_method.ts";
import { openExaminee } from "./examinee.ts";
import {
  allQuestions,
  heldOutOf,
  heldOutQuestions,
  phrasedQuestions,
  type QuestionSet,
} from "./held_out_questions.ts";
import { prepareData, runPlan } from "./prepare_data.ts";

/** The result of a run, or of another tool: an adapter over the base, or a model of its own. */
export type Tuned = { adapter: string } | { model: string };

export interface EvaluateOptions {
  /** Where the base is now; where the recipe says when left out. */
  model?: string;
  /** What is compared with the base; the base alone when left out. */
  tuned?: Tuned;
  /** Answers at most; of all held-out rows when left out. */
  generate?: number;
  /** What a template writes as today's date. */
  now?: Date;
  signal?: AbortSignal;
  device?: Device;
  threads?: number;
  hub?: HubOptions;
  /** Gets what is odd and does not stop the work. */
  onWarning?: (text: string) => void;
  /** Called with what is done of the questions to a model, and of how many. */
  onProgress?: (progress: { model: "base" | "tuned"; done: number; total: number }) => void;
}

/** Questions to show. */
const SAMPLES = 20;

/**
 * Base against tuned on what a recipe holds out. All that can be wrong with the rows and the scores is said before a model is
 * asked.
 * @throws AttuneError that names file, row or setting.
 */
export async function evaluate(input: RecipeInput, options: EvaluateOptions = {}): Promise<Evaluation> {
  const recipe = parseRecipe(input);
  const { model = recipe.model, tuned, now = new Date(), hub, signal, onWarning } = options;
  const { seed, quantization } = recipe;
  requireHeldOut(recipe);
  const opened = await openBase(model, { weights: "optional", hub });
  const adapter =
    tuned && "adapter" in tuned ? await checkedAdapter(tuned.adapter, opened, onWarning) : undefined;
  const plan = await runPlan(recipe, opened, now);
  const tokenize = { ...openPlan(plan), answers: "liked" as const };
  const reading = { tokenize, seed, hub };
  const heldOut = await heldOutRows(recipe, opened, { now, hub, signal });
  const main = await heldOutQuestions(recipe, heldOut, reading);
  if (main.questions.length === 0) throw noRows(recipe);
  const phrased = await phrasedQuestions(recipe, heldOut, reading);
  const forgetting = await forgettingSets(recipe, reading);
  const notes = prepareAnswers(main, tokenize, opened, options.generate);
  prepareAnswers(phrased, tokenize, opened);
  const { answers, own } = await openAnswerScores(recipe);
  const extra: ExtraScores = { answers, own: own && (await tryScorer(own, main.questions)) };
  const sets = [main, phrased, ...forgetting.map(({ set }) => set)];
  const maxTokens = recipe.evaluation?.maxTokens ?? longestWanted(main.questions, tokenize);

  const ask = async (name: "base" | "tuned", base: Base, method: Method): Promise<Result[][]> => {
    const total = sets.reduce((sum, set) => sum + set.questions.length, 0);
    let before = 0;
    const session = { device: options.device ?? "cpu", threads: options.threads } as const;
    const examinee = openExaminee({ base, method, tokenize, open: openSession, session });
    try {
      const results: Result[][] = [];
      for (const set of sets) {
        const onProgress: MeasureOptions["onProgress"] = (done, all) =>
          options.onProgress?.({ model: name, done: before + (done / all) * set.questions.length, total });
        results.push(
          await measure(set.questions, set.tokenized, examinee, { maxTokens, signal, onProgress }),
        );
        before += set.questions.length;
      }
      if (own) notes.push(...(await scoreOwn(own, main.questions, results[0]!)));
      return results;
    } finally {
      await examinee.release();
    }
  };

  const base = await quantizedBase(opened, quantization);
  const hasWeights = opened.directory.tensors.size > 0;
  const ofBase = hasWeights
    ? await ask("base", base, fullMethod(new Map(), base.directory.tensors))
    : undefined;
  if (!hasWeights) notes.push(`${model} has no weights: there is no model before training to compare with`);
  const ofTuned = tuned && (await askTuned(adapter ? { adapter } : tuned, base, ask, hub));
  const scoredAs = (set: QuestionSet, i: number): Scored => ({
    questions: set.questions,
    ...(ofBase && { base: ofBase[i]! }),
    ...(ofTuned && { tuned: ofTuned[i]! }),
  });

  const scored = scoredAs(main, 0);
  return {
    ...compare(scored, extra, seed),
    tasks: compareGroups(scored, ({ task }) => task, extra, seed),
    ...clusterSection(recipe, scored, extra),
    ...(phrased.questions.length > 0 && {
      phrasings: comparePhrasings(scoredAs(phrased, 1), phrased.nameOf, { answers }, seed),
    }),
    ...(forgetting.length > 0 && {
      forgetting: Object.fromEntries(
        forgetting.map(({ name, set }, i) => [name, compare(scoredAs(set, 2 + i), {}, seed)]),
      ),
    }),
    samples: samplesOf(scored, SAMPLES),
    about: {
      base: model,
      tuned: tuned ? ("adapter" in tuned ? tuned.adapter : tuned.model) : null,
      bleuTokenizer: bleuTokenizer(main.questions),
      seed,
    },
    notes,
  };
}

type Ask = (name: "base" | "tuned", base: Base, method: Method) => Promise<Result[][]>;

async function askTuned(tuned: Tuned, base: Base, ask: Ask, hub?: HubOptions): Promise<Result[][]> {
  if ("adapter" in tuned) return ask("tuned", base, await savedAdapterMethod(tuned.adapter, base));
  const opened = await openBase(tuned.model, { hub });
  return ask("tuned", opened, fullMethod(new Map(), opened.directory.tensors));
}

/** The adapter's directory. @throws AttuneError when it was made for another base. */
async function checkedAdapter(from: string, base: Base, onWarning?: (text: string) => void): Promise<string> {
  const path = await findAdapterDirectory(from);
  const adapter = await readAdapterDirectory(path);
  await requireSameBase(adapter.baseModel, path, base.directory, onWarning);
  return path;
}

function requireHeldOut({ evaluation }: Recipe): void {
  if (evaluation) return;
  throw new AttuneError({
    code: "run.nothing-held-out",
    place: "evaluation",
    problem: "the recipe holds nothing out, so there is nothing to evaluate on that was not trained",
    wayOut: "Give rows that were not trained: --data FILE, or evaluation: { path: FILE } in the recipe",
  });
}

const noRows = ({ data }: Recipe) =>
  new AttuneError({
    code: "run.none-held-out",
    place: data[0]?.path ?? "data.0",
    problem: "none of its rows is held out",
    wayOut: "Start where the run was started, as its paths do, or give rows: --data FILE",
  });

/** Reads and splits the data as the run did. */
async function heldOutRows(
  recipe: Recipe,
  base: Base,
  options: { now: Date; hub?: HubOptions; signal?: AbortSignal },
) {
  const { fraction, clusters, path: _, rows: __, ...evaluation } = recipe.evaluation!;
  if (fraction === undefined && !clusters) return heldOutOf([]);
  const own = { ...recipe, evaluation: { ...evaluation, fraction, clusters } };
  const data = await prepareData(own, base, options);
  try {
    return heldOutOf(Array.from({ length: data.evaluation.length }, (_, i) => data.evaluation.at(i)));
  } finally {
    data.close();
  }
}

async function forgettingSets(
  { evaluation }: Recipe,
  reading: Parameters<typeof allQuestions>[1],
): Promise<{ name: string; set: QuestionSet }[]> {
  const tokenize = { ...reading.tokenize, stage: "finetune" as const };
  const sets = [];
  for (const [i, dataset] of (evaluation?.forgetting ?? []).entries()) {
    const place = `evaluation.forgetting.${i}`;
    const set = await allQuestions({ dataset, place }, { ...reading, tokenize });
    for (const [k, question] of set.questions.entries()) {
      question.isGenerated = false;
      delete question.choices;
      set.tokenized[k]!.choices = [];
    }
    sets.push({ name: dataset.cluster ?? dataset.path ?? place, set });
  }
  return sets;
}

function clusterSection({ evaluation, seed }: Recipe, scored: Scored, extra: ExtraScores) {
  const { clusters } = evaluation ?? {};
  if (!clusters) return {};
  const isHeldOut = (question: Question) => clusters.includes(question.task);
  const places = (wanted: boolean) =>
    scored.questions.flatMap((question, i) => (isHeldOut(question) === wanted ? [i] : []));
  const [heldOut, trained] = [places(true), places(false)].map((at) =>
    compare(questionsAt(scored, at), extra, seed),
  );
  return { clusters: { heldOut: heldOut!, ...(trained!.rows > 0 && { trained: trained! }) } };
}
