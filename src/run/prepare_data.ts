import { createHash } from "node:crypto";
import { cacheKey } from "../data/tokenize/cache_key.ts";
import { addReport, emptyReport, type PreparationReport } from "../data/tokenize/preparation_report.ts";
import { type PreparedDataset, type PrepareOptions, prepareDataset } from "../data/tokenize/prepare.ts";
import type { TokenizePlan } from "../data/tokenize/tokenize_plan.ts";
import { userCache } from "../files/user_cache.ts";
import type { HubOptions } from "../hub/options.ts";
import { type Base, templatePlan } from "../pretrained/base.ts";
import { type DividedData, divideData } from "../training/divide_data.ts";
import type { Recipe } from "../training/recipe.ts";
import { clusterNames, prepareHeldOut, trainedEntries } from "./held_out.ts";
import { type RowSource, rowSource } from "./row_source.ts";
import { tokenizePlan } from "./tokenize_plan.ts";

export interface RunData extends DividedData {
  report: PreparationReport;
  /** What rendered it, and a hash of that. */
  template: { name: string; hash: string };
  /** Hash of the tokenizer's files. */
  tokenizer: string;
  /** Of everything the data became: rows, template, tokenizer and length together. */
  hash: string;
  /** Nothing can be read afterwards. */
  close(): void;
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
  const plan = await runPlan(recipe, base, options.now);
  const prepared: PreparedDataset[] = [];
  const close = () => {
    for (const { store } of prepared) store.close();
  };
  try {
    const { seed, evaluation } = recipe;
    const clusters = evaluation?.clusters;
    const isWanted = clusters && ((name: string) => !clusters.includes(name));
    const names = await clusterNames(recipe, options.hub);
    const trained = trainedEntries(recipe, names);
    for (const { dataset, place } of trained) {
      const source = await rowSource(dataset, { place, seed, hub: options.hub, isWanted });
      prepared.push(await prepareOne(source, dataset, recipe, plan, options));
    }
    const stores = prepared.map(({ store }) => store);
    const heldOut = await prepareHeldOut(recipe, plan, options, names, (one) => void prepared.push(one));
    const data = trained.map(({ dataset }) => dataset);
    return {
      ...divideData(
        { ...recipe, data },
        stores,
        heldOut.map(({ store }) => store),
      ),
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
export async function runPlan(recipe: Recipe, base: Base, now: Date): Promise<TokenizePlan> {
  const { template: name, chatTemplateKwargs: variables } = recipe;
  return tokenizePlan(recipe, base, await templatePlan(base, { name, now, variables }));
}

type DatasetSettings = Recipe["data"][number];

/** Rows in memory, and standard input, have no cache: nothing says that they are the same again. */
function prepareOne(
  { files, examples }: RowSource,
  { format, columns, task, cluster }: DatasetSettings,
  { seed, evaluation }: Recipe,
  plan: TokenizePlan,
  { signal, strict, progress, warn }: PrepareDataOptions,
): Promise<PreparedDataset> {
  const clusters = evaluation?.clusters;
  const without = clusters && { cluster, clusters };
  const settings = { format, columns, task, seed: task && seed, ...(without && { without }) };
  const cache = files && {
    directory: userCache("tokenized"),
    key: () => cacheKey([{ files, settings }], plan),
  };
  return prepareDataset(examples, plan, { signal, strict, progress, warn, cache });
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
