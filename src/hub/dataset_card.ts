/** The `configs:` that a data set's README.md may carry: which files belong to which split of which configuration. */
import { parse } from "yaml";
import * as z from "zod";
import { AttuneError } from "../text/errors.ts";
import type { SplitPatterns } from "./data_files.ts";

export interface DatasetConfig {
  name: string;
  /** Undefined: by the names of the files. */
  dataFiles: SplitPatterns | undefined;
  /** Where the patterns begin: "" or a folder with "/" at its end. */
  base: string;
  isDefault: boolean;
}

const path = z.string().transform((text) => text.replace(/^(\.\/)+/, ""));
const paths = z.union([path.transform((one) => [one]), z.array(path)]);
const name = z.union([z.string(), z.number().transform(String)]); // `config_name: 2020` is a number in YAML
const DataFiles = z.union([
  paths.transform((train): SplitPatterns => new Map([["train", train]])),
  z
    .array(z.object({ split: name, path: paths }))
    .transform((splits): SplitPatterns => new Map(splits.map(({ split, path }) => [split, path]))),
]);
const Config = z.object({
  config_name: name,
  data_files: DataFiles.optional(),
  data_dir: z.string().optional(),
  default: z.boolean().optional(),
});

/** No configurations when the README has none. @throws AttuneError when they are not of the documented shape. */
export function readDatasetConfigs(readme: string, dataset: string): DatasetConfig[] {
  const configs = metadata(readme, dataset)?.configs;
  if (configs === undefined || configs === null) return [];
  const read = z.array(Config).safeParse(configs);
  if (!read.success) throw new AttuneError(`${dataset}: README.md's configs: ${z.prettifyError(read.error)}`);
  return read.data.map(({ config_name, data_files, data_dir, default: isDefault }) => ({
    name: config_name,
    dataFiles: data_files,
    base: data_dir ? `${data_dir.replace(/^\.?\/+|\/+$/g, "")}/` : "",
    isDefault: isDefault === true || config_name === "default" || read.data.length === 1,
  }));
}

/** The YAML between two lines of "---" at the beginning. */
function metadata(readme: string, dataset: string): Record<string, unknown> | undefined {
  const block = /^---[ \t]*\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/.exec(readme.replace(/^\ufeff/, ""))?.[1];
  if (block === undefined) return undefined;
  try {
    const value = parse(block, { maxAliasCount: 20, logLevel: "error" });
    return typeof value === "object" && value !== null ? value : undefined;
  } catch (error) {
    throw new AttuneError(`${dataset}: the metadata in README.md is not YAML: ${(error as Error).message}`);
  }
}

/** The configuration asked for, or the default one. @throws AttuneError naming those there are. */
export function chooseConfig(
  configs: readonly DatasetConfig[],
  asked: string | undefined,
  name: string,
): DatasetConfig {
  const chosen = configs.find((config) => (asked === undefined ? config.isDefault : config.name === asked));
  if (chosen) return chosen;
  const names = configs.map((config) => config.name);
  const some = names.slice(0, 20).join(", ") + (names.length > 20 ? ", …" : "");
  const problem =
    asked === undefined ? "has several configurations" : `has no configuration ${JSON.stringify(asked)}`;
  throw new AttuneError(`${name} ${problem}; choose one of ${some}.`);
}
