import { describeOrigin, type UnusableRow } from "../data/example.ts";
import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import type { TokenizeOptions } from "../data/tokenize/tokenize_example.ts";
import type { PhrasingName } from "../evaluation/phrasings.ts";
import type { Question } from "../evaluation/questions/question.ts";
import { isUnusable, questionsOf } from "../evaluation/questions/read_questions.ts";
import { type TokenizedQuestion, tokenizeQuestion } from "../evaluation/questions/tokenize_question.ts";
import type { HubOptions } from "../hub/options.ts";
import { AttuneError } from "../text/errors.ts";
import type { Recipe } from "../training/recipe.ts";
import { entriesOf } from "./held_out.ts";
import { type SourceSettings, tablesOf } from "./row_source.ts";

/** Questions, and the same as tokens. */
export interface QuestionSet {
  questions: Question[];
  tokenized: TokenizedQuestion[];
}

/** A data entry, or what else has its keys, and what messages call it. */
interface Source {
  dataset: SourceSettings;
  place: string;
}

interface ReadOptions {
  tokenize: TokenizeOptions;
  seed: number;
  hub?: HubOptions;
}

/** Sequences that were held out, by the row they come from. */
export type HeldOut = ReadonlyMap<string, ReadonlySet<string>>;

/** @param sequences those of a run's `evaluation` store */
export function heldOutOf(sequences: Iterable<TokenSequence>): HeldOut {
  const heldOut = new Map<string, Set<string>>();
  for (const { origin, tokens } of sequences) {
    const key = describeOrigin(origin);
    heldOut.set(key, (heldOut.get(key) ?? new Set()).add(tokens.join(" ")));
  }
  return heldOut;
}

/** Whether a row of training data is held out. */
const isHeldOut = (heldOut: HeldOut) => (question: Question, tokenized: TokenizedQuestion) => {
  const known = heldOut.get(describeOrigin(question.origin));
  if (!known) return false;
  tokenized.sequences = tokenized.sequences.filter(({ tokens }) => known.has(tokens.join(" ")));
  return tokenized.sequences.length > 0;
};

/** All that a recipe holds out: rows of their own, whole clusters, and a share of the data. */
export async function heldOutQuestions(
  recipe: Recipe,
  heldOut: HeldOut,
  options: ReadOptions,
): Promise<QuestionSet> {
  const { path, rows, clusters, fraction } = recipe.evaluation ?? {};
  const set: QuestionSet = { questions: [], tokenized: [] };
  if (path !== undefined || rows)
    await addAll(set, { dataset: recipe.evaluation!, place: "evaluation" }, options);
  if (clusters || fraction !== undefined) {
    const known = new Set(heldOut.keys());
    for (const entry of entriesOf(recipe))
      await addSome(set, entry, options, {
        isRow: (origin) => known.has(describeOrigin(origin)),
        isWanted: isHeldOut(heldOut),
      });
  }
  return set;
}

/** All rows of a dataset. @throws AttuneError that lists those that can't be used. */
export async function allQuestions(source: Source, options: ReadOptions): Promise<QuestionSet> {
  const set: QuestionSet = { questions: [], tokenized: [] };
  await addAll(set, source, options);
  return set;
}

async function addAll(set: QuestionSet, source: Source, options: ReadOptions): Promise<void> {
  const before = set.questions.length;
  const unusable: UnusableRow[] = [];
  await addSome(set, source, options, {
    isRow: () => true,
    isWanted: () => true,
    refuse: (row) => unusable.push(row),
  });
  if (unusable.length > 0) throw cantBeUsed(unusable);
  if (set.questions.length > before) return;
  throw new AttuneError({
    code: "run.no-held-out-rows",
    place: source.dataset.path ?? source.place,
    problem: "there is no row to evaluate on in it",
  });
}

interface Choice {
  isRow(origin: Question["origin"]): boolean;
  isWanted(question: Question, tokenized: TokenizedQuestion): boolean;
  /** Gets rows that can't be used; they are passed when left out. */
  refuse?(row: UnusableRow): void;
}

async function addSome(
  { questions, tokenized }: QuestionSet,
  { dataset, place }: Source,
  { tokenize, seed, hub }: ReadOptions,
  { isRow, isWanted, refuse = () => {} }: Choice,
): Promise<void> {
  for (const table of await tablesOf(dataset, place, hub))
    for await (const question of questionsOf(table, dataset, seed)) {
      if (!isRow(question.origin)) continue;
      if (isUnusable(question)) {
        refuse(question);
        continue;
      }
      const tokens = orUnusable(question, () => tokenizeQuestion(question, tokenize));
      if ("kind" in tokens) refuse(tokens);
      else if (isWanted(question, tokens)) {
        questions.push(question);
        tokenized.push(tokens);
      }
    }
}

function orUnusable<T>({ origin }: Question, work: () => T): T | UnusableRow {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof AttuneError)) throw error;
    return { kind: "unusable", reason: error.message.replace(`${describeOrigin(origin)}: `, ""), origin };
  }
}

const cantBeUsed = (rows: readonly UnusableRow[]) =>
  new AttuneError({
    code: "run.unusable-rows",
    place: "evaluation",
    problem: `${rows.length === 1 ? "a row" : `${rows.length} rows`} can't be used; correct or remove them:`,
    faults: rows.map(({ reason, origin }) => ({
      code: "run.unusable-row",
      place: describeOrigin(origin),
      problem: reason,
    })),
  });

/** The held-out rows of tasks with phrasings of their own, in each template and each held-out phrasing. */
export async function phrasedQuestions(
  recipe: Recipe,
  heldOut: HeldOut,
  options: ReadOptions,
): Promise<QuestionSet & { nameOf(question: Question): PhrasingName }> {
  const set: QuestionSet = { questions: [], tokenized: [] };
  const names = new Map<Question, PhrasingName>();
  const own = { dataset: recipe.evaluation ?? {}, place: "evaluation" };
  for (const entry of [...entriesOf(recipe), own]) {
    const { task } = entry.dataset;
    if (!task?.heldOut) continue;
    const templates = [...task.templates, ...task.heldOut];
    const phrased = { ...task, templates, inversions: [], phrasings: "all" as const };
    const source = { dataset: { ...entry.dataset, task: phrased }, place: entry.place };
    const before = set.questions.length;
    await addSome(set, source, options, {
      isRow: (origin) => entry === own || heldOut.has(describeOrigin(origin)),
      isWanted: () => true,
    });
    for (const question of set.questions.slice(before)) {
      const i = question.phrasing ?? 0;
      names.set(question, { text: templates[i]!.input, trained: i < task.templates.length });
    }
  }
  return { ...set, nameOf: (question) => names.get(question)! };
}
