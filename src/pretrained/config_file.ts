/** config.json as transformers reads and writes it. */
import { type Folder, objectIn } from "../files/folder.ts";
import { INDEX_FILE, SINGLE_FILE } from "../files/model_weights.ts";
import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";
import { floatPaths } from "../text/json_scan.ts";
import { pythonJson } from "../text/python_json.ts";

export const CONFIG_FILE = "config.json";

type Config = Record<string, unknown>;

/** @throws AttuneError when it is damaged or sends the reader to other files. */
export async function readConfig(folder: Folder): Promise<Config> {
  const config = withFloats((await objectIn(folder, CONFIG_FILE))!) as Config;
  requireOwnFiles(config, folder.place(CONFIG_FILE));
  return config;
}

/** The text of `config`; `original` is the text of the config.json that tells which whole numbers are floats. */
export function configText(config: Config, original?: string): string {
  const floats = original === undefined ? undefined : floatPaths(original);
  const { transformers_weights: _, ...own } = config; // the name of a file of the directory it was read from
  return `${pythonJson(taggedFloats(own), floats)}\n`;
}

/** transformers may be sent to another file of weights, or, by its version, to another config.json. */
function requireOwnFiles(
  { transformers_weights: weights, configuration_files: files }: Config,
  path: string,
) {
  const configs = Array.isArray(files) ? files.filter((file) => file !== CONFIG_FILE) : [];
  if (configs.length > 0)
    throw new AttuneError({
      code: "pretrained.other-config",
      place: path,
      problem: `configuration_files names other files, ${excerpt(configs)}, and transformers may read one of them instead`,
      wayOut: `Save the model anew with transformers, or make the right one ${CONFIG_FILE} and remove the key`,
    });
  if (weights === undefined || weights === null || weights === SINGLE_FILE || weights === INDEX_FILE) return;
  throw new AttuneError({
    code: "pretrained.other-weights",
    place: path,
    problem: `transformers_weights names another file, ${excerpt(weights)}; attune reads ${SINGLE_FILE} or ${INDEX_FILE}`,
    wayOut: "Rename the file, and remove the key",
  });
}

const TAG = "__float__";
const FLOATS: Readonly<Record<string, number>> = { Infinity, "-Infinity": -Infinity, NaN: Number.NaN };

/** transformers 5 writes floats that JSON doesn't know as `{"__float__": "Infinity"}`. */
function withFloats(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withFloats);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value);
  const [[key, tag] = []] = entries;
  if (entries.length === 1 && key === TAG && typeof tag === "string" && Object.hasOwn(FLOATS, tag))
    return FLOATS[tag];
  return Object.fromEntries(entries.map(([name, item]) => [name, withFloats(item)]));
}

function taggedFloats(value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) return { [TAG]: String(value) };
  if (Array.isArray(value)) return value.map(taggedFloats);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, taggedFloats(item)]));
}
