import { createHash } from "node:crypto";
import { readAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { findAdapterDirectory } from "../adapters/peft/find_adapter.ts";
import { openPlan } from "../data/tokenize/tokenize_plan.ts";
import type { Evaluation } from "../evaluation/evaluation.ts";
import { type MeasureOptions, measure, type Result } from "../evaluation/measure.ts";
import { type OwnScorer, scoreOwn, tryScorer } from "../evaluation/own_scores.ts";
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
import { version } from "../text/version.ts";
import { fullMethod, type Method } from "../training/method.ts";
import { ALONE, type Ranks } from "../training/ranks.ts";
import { parseRecipe, type Recipe, type RecipeInput, storedRecipe } from "../training/recipe.ts";
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
import { measureShared } from "./measure_shared.ts";
import { adapterHashes, weightHashes } from "./origin.ts";
import { prepareData, runPlan } from "./prepare_data.ts";
import { teamOf } from "./team.ts";

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
  /** The processes that evaluate together, each of which calls this and gets the result; this one alone when left out. */
  ranks?: Ranks;
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
  requireHeldOut(recipe);
  const team = teamOf(options.ranks ?? ALONE);
  await team.requireSame({ version }); // before anything else is sent
  const opened = await openBase(options.model ?? recipe.model, { weights: "optional", hub: options.hub });
  const tuned = options.tuned && (await openTuned(options.tuned, opened, options));
  const now = new Date(await team.fromLeader(() => (options.now ?? new Date()).toISOString()));
  const exam = await team.oncePerMachine(() => openExam(recipe, opened, { ...options, now }));
  if (team.ranks.size > 1) await team.requireSame(await factsOf(exam, opened));
  const base = await team.oncePerMachine(() => quantizedBase(opened, { quantization: recipe.quantization }));
  const answers = { ofBase: await askBase(exam, base), ofTuned: tuned && (await tuned(exam, base)) };
  return evaluationOf(exam, answers);
}

/** What has to be the same where several processes share the questions out. */
async function factsOf(exam: Exam, base: Base) {
  const { tuned, hub } = exam.options;
  const hashes = async (of: Tuned) =>
    "adapter" in of
      ? adapterHashes(await findAdapterDirectory(of.adapter))
      : weightHashes(await openBase(of.model, { hub }));
  const { output: _, ...recipe } = storedRecipe(exam.recipe); // the first process alone writes
  return {
    recipe,
    weights: await weightHashes(base),
    ...(tuned && { tuned: await hashes(tuned) }),
    questions: createHash("sha256")
      .update(JSON.stringify(setsOf(exam)))
      .digest("hex"),
  };
}

/** Rows that are held out, as questions, and how their answers are scored. */
interface Exam {
  recipe: Recipe;
  options: EvaluateOptions;
  main: QuestionSet;
  phrased: Awaited<ReturnType<typeof phrasedQuestions>>;
  forgetting: { name: string; set: QuestionSet }[];
  tokenize: ReturnType<typeof openPlan> & { answers: "liked" };
  extra: ExtraScores;
  own?: OwnScorer;
  maxTokens?: number;
  notes: string[];
}

/** Of each set of questions, one result a question. */
type Results = Result[][];

async function openExam(recipe: Recipe, base: Base, options: EvaluateOptions): Promise<Exam> {
  const { now = new Date(), hub, signal } = options;
  const plan = await runPlan(recipe, base, now);
  const tokenize = { ...openPlan(plan), answers: "liked" as const };
  const reading = { tokenize, seed: recipe.seed, hub };
  const heldOut = await heldOutRows(recipe, base, { now, hub, signal });
  const main = await heldOutQuestions(recipe, heldOut, reading);
  if (main.questions.length === 0) throw noRows(recipe);
  const phrased = await phrasedQuestions(recipe, heldOut, reading);
  const forgetting = await forgettingSets(recipe, reading);
  const notes = prepareAnswers(main, tokenize, base, options.generate);
  prepareAnswers(phrased, tokenize, base);
  const { answers, own } = await openAnswerScores(recipe);
  const extra: ExtraScores = { answers, own: own && (await tryScorer(own, main.questions)) };
  const maxTokens = recipe.evaluation?.maxTokens ?? longestWanted(main.questions, tokenize);
  return { recipe, options, main, phrased, forgetting, tokenize, extra, own, maxTokens, notes };
}

const setsOf = ({ main, phrased, forgetting }: Exam): QuestionSet[] => [
  main,
  phrased,
  ...forgetting.map(({ set }) => set),
];

/** Asks one model all questions. */
async function ask(exam: Exam, name: "base" | "tuned", base: Base, method: Method): Promise<Results> {
  const { options, tokenize, maxTokens, own, main, notes } = exam;
  const { ranks = ALONE } = options;
  const session = { device: options.device ?? "cpu", threads: options.threads } as const;
  const examinee = openExaminee({ base, method, tokenize, open: openSession, session });
  const sets = setsOf(exam);
  const total = sets.reduce((sum, { questions }) => sum + questions.length, 0);
  let before = 0;
  try {
    const results: Results = [];
    for (const { questions, tokenized } of sets) {
      const onProgress: MeasureOptions["onProgress"] = (done, all) =>
        options.onProgress?.({ model: name, done: before + (done / all) * questions.length, total });
      const limits = { maxTokens, signal: options.signal, onProgress };
      results.push(
        await measureShared({ questions, tokenized }, ranks, (own) =>
          measure(own.questions, own.tokenized, examinee, limits),
        ),
      );
      before += questions.length;
    }
    if (own) notes.push(...(await scoreOwn(own, main.questions, results[0]!)));
    return results;
  } finally {
    await examinee.release();
  }
}

/** Nothing where the base has no weights: then there is no model before training. */
async function askBase(exam: Exam, base: Base): Promise<Results | undefined> {
  const { tensors } = base.directory;
  if (tensors.size > 0) return ask(exam, "base", base, fullMethod(new Map(), tensors));
  const { model = exam.recipe.model } = exam.options;
  exam.notes.push(`${model} has no weights: there is no model before training to compare with`);
  return undefined;
}

type AskTuned = (exam: Exam, base: Base) => Promise<Results>;

/** @throws AttuneError when an adapter was made for another base. */
async function openTuned(
  tuned: Tuned,
  { directory }: Base,
  { hub, onWarning }: EvaluateOptions,
): Promise<AskTuned> {
  if ("model" in tuned)
    return async (exam) => {
      const opened = await openBase(tuned.model, { hub });
      return ask(exam, "tuned", opened, fullMethod(new Map(), opened.directory.tensors));
    };
  const path = await findAdapterDirectory(tuned.adapter);
  const adapter = await readAdapterDirectory(path);
  await requireSameBase(adapter.baseModel, path, directory, onWarning);
  return (exam, base) => ask(exam, "tuned", base, savedAdapterMethod(adapter, base));
}

function evaluationOf(exam: Exam, { ofBase, ofTuned }: { ofBase?: Results; ofTuned?: Results }): Evaluation {
  const { recipe, options, main, phrased, forgetting, extra, notes } = exam;
  const { seed } = recipe;
  const { tuned } = options;
  const scoredAs = ({ questions }: QuestionSet, i: number): Scored => ({
    questions,
    ...(ofBase && { base: ofBase[i]! }),
    ...(ofTuned && { tuned: ofTuned[i]! }),
  });
  const scored = scoredAs(main, 0);
  const phrasings = () =>
    comparePhrasings(scoredAs(phrased, 1), phrased.nameOf, { answers: extra.answers }, seed);
  const forgotten = forgetting.map(({ name, set }, i) => [name, compare(scoredAs(set, 2 + i), {}, seed)]);
  return {
    ...compare(scored, extra, seed),
    tasks: compareGroups(scored, ({ task }) => task, extra, seed),
    ...clusterSection(recipe, scored, extra),
    ...(phrased.questions.length > 0 && { phrasings: phrasings() }),
    ...(forgotten.length > 0 && { forgetting: Object.fromEntries(forgotten) }),
    samples: samplesOf(scored, SAMPLES),
    about: {
      base: options.model ?? recipe.model,
      tuned: tuned ? ("adapter" in tuned ? tuned.adapter : tuned.model) : null,
      bleuTokenizer: bleuTokenizer(main.questions),
      seed,
    },
    notes,
  };
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
