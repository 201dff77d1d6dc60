import type { Example, UnusableRow } from "../data/example.ts";
import { readDataFile } from "../data/files/open_data.ts";
import { rowsInMemory } from "../data/files/rows_in_memory.ts";
import { readDataFiles } from "../data/formats/read_data_files.ts";
import { examplesOfRows } from "../data/tasks/examples_of_rows.ts";
import type { HubOptions } from "../hub/options.ts";
import { AttuneError } from "../text/errors.ts";
import type { Recipe } from "../training/recipe.ts";
import { datasetFiles } from "./dataset_files.ts";

/** Where the rows of an entry of `data` come from. */
export interface RowSource {
  /** Those that its tokens can be found again by; none where it can be read but once. */
  files?: readonly string[];
  examples: AsyncIterable<Example | UnusableRow>;
}

type DatasetSettings = Recipe["data"][number];

/**
 * Files, of the hub or of this machine, or rows in memory.
 * @param place of the entry among `data`
 */
export async function rowSource(
  dataset: DatasetSettings,
  { place, seed, hub }: { place: number; seed: number; hub?: HubOptions },
): Promise<RowSource> {
  const { path, rows, config, split } = dataset;
  if (rows) {
    const name = `data.${place}.rows`;
    if (Array.isArray(rows) && rows.length === 0) throw noRows(name);
    const read = () =>
      readDataFiles(name, [name], () => examplesOfRows(rowsInMemory(rows), name, dataset, seed));
    return { examples: eachTime(read) };
  }
  const files = await datasetFiles(path!, { ...hub, config, split });
  const read = () =>
    readDataFiles(path!, files, (file) => examplesOfRows(readDataFile(file), file, dataset, seed));
  return { files: files.includes("-") ? undefined : files, examples: eachTime(read) };
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
