/** The `configs:` that a data set's README.md may carry: which files belong to which split of which configuration. */
import * as z from "zod";
import { AttuneError } from "../text/errors.ts";
import { parseWith } from "../text/schema_faults.ts";
import { parseYaml } from "../text/yaml.ts";
import { type SplitPatterns, some } from "./data_files.ts";

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
  const read = parseWith(z.array(Config), configs, {
    code: "hub.dataset-card",
    place: `${dataset}: README.md's configs`,
  });
  return read.map(({ config_name, data_files, data_dir, default: isDefault }) => ({
    name: config_name,
    dataFiles: data_files,
    base: data_dir ? `${data_dir.replace(/^\.?\/+|\/+$/g, "")}/` : "",
    isDefault: isDefault === true || config_name === "default" || read.length === 1,
  }));
}

const METADATA_LIMIT = 2 * 2 ** 20; // UTF-16 units; seconds to read

/** The YAML between two lines of "---" at the beginning. */
function metadata(readme: string, dataset: string): Record<string, unknown> | undefined {
  const where = `${dataset}: the metadata in README.md`;
  const block = metadataBlock(readme.replace(/^\ufeff/, ""));
  if (block === undefined) return undefined;
  if (block.length > METADATA_LIMIT)
    throw new AttuneError({
      code: "hub.card-too-large",
      place: where,
      problem: `the metadata has ${block.length} characters, more than the limit of ${METADATA_LIMIT}`,
    });
  const value = parseYaml(block, `${where} is not YAML`, { isStrict: false });
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
}

function metadataBlock(readme: string): string | undefined {
  const opening = /^---[ \t]*\r?\n/.exec(readme)?.[0].length;
  if (opening === undefined) return undefined;
  const closing = /\r?\n---[ \t]*(?:\r?\n|$)/g;
  closing.lastIndex = Math.max(0, opening - 2); // the closing line may come at once
  const end = closing.exec(readme)?.index;
  return end === undefined ? undefined : readme.slice(opening, Math.max(opening, end));
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
  const problem =
    asked === undefined
      ? "there are several configurations"
      : `there is no configuration ${JSON.stringify(asked)}`;
  throw new AttuneError({
    code: "hub.no-configuration",
    place: name,
    problem,
    wayOut: `Choose one of ${some(names)}`,
  });
}
