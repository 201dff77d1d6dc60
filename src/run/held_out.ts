import type { Example, UnusableRow } from "../data/example.ts";
import { clusterRows } from "../data/tasks/row_cluster.ts";
import { type PreparedDataset, type PrepareOptions, prepareDataset } from "../data/tokenize/prepare.ts";
import type { TokenizePlan } from "../data/tokenize/tokenize_plan.ts";
import { heldOutExamples } from "../evaluation/questions/read_questions.ts";
import type { HubOptions } from "../hub/options.ts";
import { AttuneError } from "../text/errors.ts";
import { nearest } from "../text/nearest.ts";
import type { Recipe } from "../training/recipe.ts";
import { rowSource, tablesOf } from "./row_source.ts";

type DatasetSettings = Recipe["data"][number];
type Options = Pick<PrepareOptions, "signal" | "warn"> & { hub?: HubOptions };

/** An entry of `data`, and what messages call it. */
export interface Entry {
  dataset: DatasetSettings;
  place: string;
}

export const entriesOf = ({ data }: Recipe): Entry[] =>
  data.map((dataset, i) => ({ dataset, place: `data.${i}` }));

/** The clusters that each entry's rows belong to, by what messages call the entry. */
export type ClusterNames = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * Looks through the data for the clusters that are held out; nothing where none is.
 * @throws AttuneError for a cluster that no row belongs to.
 */
export async function clusterNames(recipe: Recipe, hub?: HubOptions): Promise<ClusterNames | undefined> {
  const { clusters } = recipe.evaluation ?? {};
  if (!clusters) return undefined;
  const names = new Map<string, Set<string>>();
  for (const { dataset, place } of entriesOf(recipe)) {
    const own = new Set<string>();
    names.set(place, own);
    const note = (name: string) => {
      own.add(name);
      return false;
    };
    for (const table of await tablesOf(dataset, place, hub))
      for await (const _ of clusterRows(table.rows(), dataset.cluster, note));
  }
  const known = new Set([...names.values()].flatMap((own) => [...own]));
  for (const name of clusters) if (!known.has(name)) throw unknownCluster(name, known);
  return names;
}

/** Entries of which rows are trained. @throws AttuneError when there is none. */
export function trainedEntries(recipe: Recipe, names: ClusterNames | undefined): Entry[] {
  const clusters = recipe.evaluation?.clusters ?? [];
  const isWhole = ({ place }: Entry) => {
    const own = [...(names?.get(place) ?? [])];
    return own.length > 0 && own.every((name) => clusters.includes(name));
  };
  const trained = entriesOf(recipe).filter((entry) => !isWhole(entry));
  if (trained.length > 0) return trained;
  throw new AttuneError({
    code: "run.all-held-out",
    place: "evaluation.clusters",
    problem: `${clusters.join(", ")}: all data is held out, and none is left to train on`,
    wayOut: "Hold fewer clusters out, or add data",
  });
}

/**
 * What is held out beside a fraction of the data: rows of their own, and whole clusters. They are read anew each time.
 * @param opened gets each as soon as it is open, for whoever closes it
 * @throws AttuneError naming file and row; or a cluster that no row belongs to.
 */
export async function prepareHeldOut(
  recipe: Recipe,
  plan: TokenizePlan,
  { signal, warn, hub }: Options,
  names: ClusterNames | undefined,
  opened: (dataset: PreparedDataset) => void,
): Promise<PreparedDataset[]> {
  const { evaluation, seed } = recipe;
  const all: PreparedDataset[] = [];
  const prepare = async (read: () => AsyncIterable<Example | UnusableRow>) => {
    const rows = { [Symbol.asyncIterator]: () => read()[Symbol.asyncIterator]() };
    if (await isEmpty(rows)) return;
    const dataset = await prepareDataset(rows, plan, { signal, warn, strict: "all" });
    opened(dataset);
    all.push(dataset);
  };
  if (evaluation?.path !== undefined || evaluation?.rows) {
    const tables = await tablesOf(evaluation, "evaluation", hub);
    await prepare(() => chain(tables.map((table) => () => heldOutExamples(table, evaluation, seed))));
    if (all.length === 0) throw noAnswers(evaluation.path ?? "evaluation.rows");
  }
  if (names) {
    const parts = await clusterExamples(recipe, names, hub);
    await prepare(() => chain(parts));
  }
  return all;
}

const noAnswers = (place: string) =>
  new AttuneError({
    code: "run.no-answers",
    place,
    problem: "its rows have no right answers, so there is no loss to measure",
    wayOut: "Hold other rows out while training, and ask these afterwards: attune eval RUN --data FILE",
  });

type Part = () => AsyncIterable<Example | UnusableRow>;

/** The rows of the clusters held out. */
function clusterExamples(recipe: Recipe, names: ClusterNames, hub?: HubOptions): Promise<Part[]> {
  const clusters = recipe.evaluation!.clusters!;
  const some = entriesOf(recipe).filter(({ place }) => clusters.some((name) => names.get(place)!.has(name)));
  const isWanted = (name: string) => clusters.includes(name);
  return Promise.all(
    some.map(async ({ dataset, place }): Promise<Part> => {
      const { examples } = await rowSource(dataset, { place, seed: recipe.seed, hub, isWanted });
      return () => examples;
    }),
  );
}

function unknownCluster(name: string, seen: ReadonlySet<string>): AttuneError {
  const known = [...seen].filter((one) => one !== "").sort();
  const near = nearest(name, known);
  return new AttuneError({
    code: "run.unknown-cluster",
    place: "evaluation.clusters",
    problem: `no row belongs to ${JSON.stringify(name)}${near ? `; did you mean ${near}?` : ""}`,
    expected: known.slice(0, 20).join(", ") || "a cluster in data, or a column task in its rows",
  });
}

async function* chain(parts: readonly Part[]): AsyncGenerator<Example | UnusableRow> {
  for (const part of parts) yield* part();
}

async function isEmpty(rows: AsyncIterable<unknown>): Promise<boolean> {
  for await (const _ of rows) return false;
  return true;
}
