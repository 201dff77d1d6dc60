import { createHash } from "node:crypto";
import { type Deduplicated, deduplicate, duplicateOrigins } from "../data/batches/deduplicate.ts";
import { countWithin, type MixtureDataset } from "../data/batches/mixture.ts";
import { joinSequences, type SequenceStore, selectSequences } from "../data/batches/sequence_store.ts";
import { type Split, splitSequences } from "../data/batches/split.ts";
import { sequencesOf, wholeExamples } from "../data/batches/whole_examples.ts";
import type { Origin } from "../data/example.ts";
import { cacheKey } from "../data/tokenize/cache_key.ts";
import { addReport, emptyReport, type PreparationReport } from "../data/tokenize/preparation_report.ts";
import { type PreparedDataset, type PrepareOptions, prepareDataset } from "../data/tokenize/prepare.ts";
import type { TokenizePlan } from "../data/tokenize/tokenize_plan.ts";
import { userCache } from "../files/user_cache.ts";
import type { HubOptions } from "../hub/options.ts";
import { type Base, templatePlan } from "../pretrained/base.ts";
import { makeTemplate } from "../templates/template.ts";
import { checkVariables } from "../templates/template_variables.ts";
import { branchesOf } from "../training/objectives/objective.ts";
import { openObjective } from "../training/objectives/objectives.ts";
import type { Recipe } from "../training/recipe.ts";
import { type RowSource, rowSource } from "./row_source.ts";

export interface RunData {
  /** Sequences; those of an example follow each other. */
  train: SequenceStore;
  evaluation: SequenceStore;
  /** Sequences of an example: a pair of answers has two. */
  branches: number;
  /** How many of `train` come from each dataset, in order, and what the recipe says of them. */
  datasets: MixtureDataset[];
  report: PreparationReport;
  /** Training examples left out because they equal another. */
  duplicates: Duplicates;
  /** What rendered it, and a hash of that. */
  template: { name: string; hash: string };
  /** Hash of the tokenizer's files. */
  tokenizer: string;
  /** Of everything the data became: rows, template, tokenizer and length together. */
  hash: string;
  /** Nothing can be read afterwards. */
  close(): void;
}

export interface Duplicates {
  count: number;
  first: { origin: Origin; equalTo: Origin }[];
}

export interface PrepareDataOptions extends Pick<PrepareOptions, "signal" | "strict" | "progress" | "warn"> {
  /** Today, for templates that write the date. */
  now: Date;
  hub?: HubOptions;
}

/**
 * Reads, renders, tokenizes and splits the recipe's data; what was tokenized before comes from the cache.
 * @throws AttuneError naming file and row.
 */
export async function prepareData(recipe: Recipe, base: Base, options: PrepareDataOptions): Promise<RunData> {
  const plan = await tokenizePlan(recipe, base, options.now);
  const prepared: PreparedDataset[] = [];
  const close = () => {
    for (const { store } of prepared) store.close();
  };
  try {
    for (const [place, dataset] of recipe.data.entries()) {
      const source = await rowSource(dataset, { place, seed: recipe.seed, hub: options.hub });
      prepared.push(await prepareOne(source, dataset, recipe.seed, plan, options));
    }
    return {
      ...divide(recipe, prepared),
      report: summed(prepared),
      template: { name: plan.template.name, hash: templateHash(plan.template) },
      tokenizer: sha256(JSON.stringify([plan.tokenizerJson, plan.tokenizerConfig])),
      hash: sha256(...prepared.map(({ store }) => store.hash)),
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** How the recipe's examples become tokens. */
async function tokenizePlan(recipe: Recipe, base: Base, now: Date): Promise<TokenizePlan> {
  const { tokenizerConfig, eosIds } = base;
  const { template: name, chatTemplateKwargs: variables } = recipe;
  const template = await templatePlan(base, { name, now, variables });
  if (variables) checkVariables(makeTemplate(template, base.tokenizer), variables, "chatTemplateKwargs");
  const { stage, trainOn, training, objective } = recipe;
  return {
    tokenizerJson: base.directory.tokenizerJson,
    tokenizerConfig,
    eosIds,
    template,
    settings: { stage, trainOn, answers: openObjective(objective).answers, maxLength: training.maxLength },
  };
}

type DatasetSettings = Recipe["data"][number];

/** Rows in memory, and standard input, have no cache: nothing says that they are the same again. */
function prepareOne(
  { files, examples }: RowSource,
  { format, columns, task }: DatasetSettings,
  seed: number,
  plan: TokenizePlan,
  { signal, strict, progress, warn }: PrepareDataOptions,
): Promise<PreparedDataset> {
  const settings = { format, columns, task, seed: task && seed };
  const cache = files && {
    directory: userCache("tokenized"),
    key: () => cacheKey([{ files, settings }], plan),
  };
  return prepareDataset(examples, plan, { signal, strict, progress, warn, cache });
}

function divide(recipe: Recipe, prepared: readonly PreparedDataset[]) {
  const branches = branchesOf(openObjective(recipe.objective).answers);
  const store = joinSequences(prepared.map((dataset) => dataset.store));
  const examples = wholeExamples(store, branches);
  const split = splitStore(examples, recipe);
  const { train, duplicates } = recipe.deduplicate
    ? withoutDuplicates(examples, split)
    : { train: split.train, duplicates: { count: 0, first: [] } };
  const sizes = countWithin(
    train,
    prepared.map((dataset) => dataset.store.length / branches),
  );
  return {
    train: selectSequences(store, sequencesOf(train, branches)),
    evaluation: selectSequences(store, sequencesOf(split.evaluation, branches)),
    branches,
    datasets: recipe.data.map(({ weight, maxExamples }, i) => ({ size: sizes[i]!, weight, maxExamples })),
    duplicates,
  };
}

function splitStore(store: SequenceStore, { evaluation, seed }: Recipe): Split {
  if (evaluation) return splitSequences(store, { fraction: evaluation.fraction, seed });
  return { train: Uint32Array.from({ length: store.length }, (_, i) => i), evaluation: new Uint32Array() };
}

const SHOWN = 5;

function withoutDuplicates(store: SequenceStore, split: Split) {
  const found: Deduplicated = deduplicate(store, split);
  const first = [...duplicateOrigins(store, { ...found, dropped: found.dropped.subarray(0, SHOWN) })];
  return { train: found.train, duplicates: { count: found.dropped.length, first } };
}

function summed(prepared: readonly PreparedDataset[]): PreparationReport {
  const total = emptyReport();
  for (const { report } of prepared) addReport(total, report);
  return total;
}

const templateHash = ({ name, sources, variables }: TokenizePlan["template"]): string =>
  sha256(sources ? JSON.stringify(sources) : name, variables ? JSON.stringify(variables) : "");

function sha256(...texts: string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(text);
  return hash.digest("hex");
}
