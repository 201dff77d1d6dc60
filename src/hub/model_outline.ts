/** A model as far as it can be had without its weights. */
import { AttuneError } from "../text/errors.ts";
import { openHub } from "./fetch_hub.ts";
import { openModelScope } from "./fetch_modelscope.ts";
import { localDirectory, orMissing } from "./local_directory.ts";
import { selectModelFiles } from "./model_files.ts";
import type { HubOptions } from "./options.ts";
import { parseRepo, repoName } from "./repo.ts";
import { resolveModel } from "./resolve_model.ts";
import { readHubSettings } from "./settings.ts";

export interface ModelOutline {
  /** Configuration and tokenizer lie here; the weights, too, unless there is a `download`. */
  directory: string;
  /** What is yet to be downloaded. */
  download?: { files: number; bytes: number };
}

/**
 * A directory or, of a model of the hub that isn't here yet, its small files, which are fetched, and the size of the rest.
 * @throws AttuneError as `resolveModel` does.
 */
export async function modelOutline(nameOrPath: string, options: HubOptions = {}): Promise<ModelOutline> {
  const local = (await localDirectory(nameOrPath)) ?? (await cachedModel(nameOrPath, options));
  if (local !== undefined) return { directory: local };
  const settings = await readHubSettings(options.env);
  const repo = parseRepo(nameOrPath, "model", settings.useModelScope);
  const open = repo.source === "modelscope" ? openModelScope : openHub;
  return orMissing(nameOrPath, "directory", async () => {
    const snapshot = await open(repo, settings, options);
    const files = selectModelFiles(snapshot.paths, repoName(repo));
    const weights = files.filter((path) => path.endsWith(".safetensors"));
    const directory = await snapshot.fetch(files.filter((path) => !weights.includes(path)));
    const bytes = weights.reduce((sum, path) => sum + (snapshot.sizes?.get(path) ?? 0), 0);
    return { directory, download: { files: weights.length, bytes } };
  });
}

/** The model in the cache, if all of it is there: nothing is asked of the network. */
async function cachedModel(name: string, options: HubOptions): Promise<string | undefined> {
  const env = { ...(options.env ?? process.env), HF_HUB_OFFLINE: "1" };
  try {
    return await resolveModel(name, { ...options, env, onProgress: undefined, onWarning: undefined });
  } catch (error) {
    if (error instanceof AttuneError) return undefined;
    throw error;
  }
}
