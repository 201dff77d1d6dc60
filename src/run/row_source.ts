import type { Example, UnusableRow } from "../data/example.ts";
import { readDataFile } from "../data/files/open_data.ts";
import { type MemoryRows, rowsInMemory } from "../data/files/rows_in_memory.ts";
import type { Table } from "../data/files/table.ts";
import { readDataFiles } from "../data/formats/read_data_files.ts";
import { examplesOfRows, type RowSettings } from "../data/tasks/examples_of_rows.ts";
import { clusterRows } from "../data/tasks/row_cluster.ts";
import type { HubOptions } from "../hub/options.ts";
import { AttuneError } from "../text/errors.ts";
import { datasetFiles } from "./dataset_files.ts";

/** Where the rows of an entry of `data` come from. */
export interface RowSource {
  /** Those that its tokens can be found again by; none where it can be read but once. */
  files?: readonly string[];
  examples: AsyncIterable<Example | UnusableRow>;
}

/** A data entry, or what else has its keys. */
export interface SourceSettings extends RowSettings {
  path?: string;
  rows?: MemoryRows;
  config?: string;
  split?: string;
  cluster?: string;
}

export interface RowSourceOptions {
  /** What messages call the entry: "data.0". */
  place: string;
  seed: number;
  hub?: HubOptions;
  /** Which clusters' rows are wanted; all when left out. A row that belongs to none is asked for as "". */
  isWanted?: (cluster: string) => boolean;
}

/** Files, of the hub or of this machine, or rows in memory. */
export async function rowSource(
  dataset: SourceSettings,
  { place, seed, hub, isWanted }: RowSourceOptions,
): Promise<RowSource> {
  const tables = await tablesOf(dataset, place, hub);
  const byName = new Map(tables.map((table) => [table.name, table]));
  const rowsOf = (name: string) => {
    const rows = byName.get(name)!.rows();
    return isWanted ? clusterRows(rows, dataset.cluster, isWanted) : rows;
  };
  const read = () =>
    readDataFiles(dataset.path ?? place, [...byName.keys()], (name) =>
      examplesOfRows(rowsOf(name), name, dataset, seed),
    );
  const isKept = !dataset.rows && !byName.has("-");
  return { files: isKept ? [...byName.keys()] : undefined, examples: eachTime(read) };
}

/** The files of an entry, or its rows in memory. @throws AttuneError when there are none. */
export async function tablesOf(
  { path, rows, config, split }: SourceSettings,
  place: string,
  hub?: HubOptions,
): Promise<Table[]> {
  if (rows) {
    const name = `${place}.rows`;
    if (Array.isArray(rows) && rows.length === 0) throw noRows(name);
    return [{ name, rows: () => rowsInMemory(rows) }];
  }
  const files = await datasetFiles(path!, { ...hub, config, split });
  return files.map((name) => ({ name, rows: (header) => readDataFile(name, header) }));
}

const noRows = (place: string) =>
  new AttuneError({
    code: "run.no-rows",
    place,
    expected: "at least one row",
    got: "an empty list",
    wayOut: "Give the rows again if this is a run's recipe.json, which keeps none, or a path",
  });

/** Begins anew for each who asks. */
const eachTime = <T>(read: () => AsyncIterable<T>): AsyncIterable<T> => ({
  [Symbol.asyncIterator]: () => read()[Symbol.asyncIterator](),
});
