import type { Example, UnusableRow } from "../example.ts";
import { dataFiles } from "../files/data_files.ts";
import { readDataFile } from "../files/open_data.ts";
import { readDataFiles } from "./read_data_files.ts";
import { examplesOf, type ReadOptions } from "./read_examples.ts";

export interface Dataset extends ReadOptions {
  /** A data file, a directory of such, or "-". */
  path: string;
}

/**
 * What all rows of a dataset say, file by file; each file may be of a kind and format of its own.
 * @throws AttuneError when a file can't be read, or there is no row in any.
 */
export async function* readDataset({ path, ...options }: Dataset): AsyncGenerator<Example | UnusableRow> {
  yield* readDataFiles(path, await dataFiles(path), (file) => examplesOf(readDataFile(file), file, options));
}
