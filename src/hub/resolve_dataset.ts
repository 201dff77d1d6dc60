/** From a data set's name to the files of one of its splits. */
import { join } from "node:path";
import { readTextFile } from "../files/json_file.ts";
import { AttuneError } from "../text/errors.ts";
import { chooseSplit, filesOf, guessSplits, isDataFile, ofOneKind, some } from "./data_files.ts";
import { chooseConfig, type DatasetConfig, readDatasetConfigs } from "./dataset_card.ts";
import { openHub } from "./fetch_hub.ts";
import { openModelScope } from "./fetch_modelscope.ts";
import type { HubOptions } from "./options.ts";
import { parseRepo, repoName } from "./repo.ts";
import { readHubSettings } from "./settings.ts";
import type { Snapshot } from "./snapshot.ts";

export interface DatasetOptions extends HubOptions {
  /** "train" when left out. */
  split?: string;
  /** Of those in README.md's `configs:`; the default one when left out. */
  config?: string;
}

/**
 * @param id `org/name` or `name`, with `@revision`, with `modelscope:` before it.
 * @returns paths of the split's files (parquet, json, jsonl, csv, txt; gzip or zstd of these) in the cache, in the
 *   order in which Python's `datasets` reads them.
 * @throws AttuneError that names the data set and the way out; the signal's reason when aborted.
 */
export async function resolveDataset(id: string, options: DatasetOptions = {}): Promise<string[]> {
  const settings = await readHubSettings(options.env);
  const repo = parseRepo(id, "dataset", settings.useModelScope);
  const open = repo.source === "modelscope" ? openModelScope : openHub;
  const snapshot = await open(repo, settings, options);
  const files = splitFiles(
    snapshot.paths,
    await readConfig(snapshot, options, repoName(repo)),
    options,
    repoName(repo),
  );
  const directory = await snapshot.fetch(files);
  return files.map((path) => join(directory, ...path.split("/")));
}

const BY_NAMES: DatasetConfig = { name: "default", dataFiles: undefined, base: "", isDefault: true };

async function readConfig(snapshot: Snapshot, options: DatasetOptions, name: string): Promise<DatasetConfig> {
  const configs = readDatasetConfigs(await readCard(snapshot, name), name);
  if (configs.length === 0 && options.config === undefined) return BY_NAMES;
  return chooseConfig(configs.length > 0 ? configs : [BY_NAMES], options.config, name);
}

const CARD_LIMIT = 16 * 2 ** 20; // bytes; the largest known are below 2 MiB

async function readCard({ paths, sizes, fetch }: Snapshot, name: string): Promise<string> {
  if (!paths.includes("README.md")) return "";
  const size = sizes?.get("README.md") ?? 0;
  if (size > CARD_LIMIT)
    throw new AttuneError({
      code: "hub.card-too-large",
      place: `${name}: README.md`,
      problem: `the file has ${size} bytes, more than the limit of ${CARD_LIMIT}`,
    });
  return readTextFile(join(await fetch(["README.md"]), "README.md"), CARD_LIMIT);
}

function splitFiles(
  paths: readonly string[],
  { dataFiles, base }: DatasetConfig,
  { split = "train" }: DatasetOptions,
  name: string,
): string[] {
  const candidates = dataFiles ? paths : paths.filter(isDataFile);
  if (candidates.filter(isDataFile).length === 0) throw noData(paths, name);
  const patterns = chooseSplit(dataFiles ?? guessSplits(candidates, base), split, name);
  const files = ofOneKind(filesOf(candidates, patterns, base));
  if (files.length > 0) return files;
  throw new AttuneError({
    code: "hub.no-data",
    place: name,
    problem: `no file that attune reads matches ${some(patterns)} of split ${split}`,
  });
}

function noData(paths: readonly string[], name: string): AttuneError {
  const script = paths.some((path) => path.endsWith(".py"));
  const found = script ? "a Python script, which attune does not run" : "no such file";
  return new AttuneError({
    code: "hub.no-data",
    place: name,
    expected: "parquet, json, jsonl, csv or txt files",
    got: found,
    wayOut: `The hub often has a copy in Parquet: ${name.split("@", 1)[0]}@refs/convert/parquet`,
  });
}
