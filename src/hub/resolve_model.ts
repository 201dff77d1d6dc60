/** From a model's name to a directory that holds it. */
import { checkShards } from "./check_shards.ts";
import { openHub } from "./fetch_hub.ts";
import { openModelScope } from "./fetch_modelscope.ts";
import { localDirectory, orMissing } from "./local_directory.ts";
import { selectModelFiles } from "./model_files.ts";
import type { HubOptions } from "./options.ts";
import { parseRepo, repoName } from "./repo.ts";
import { readHubSettings } from "./settings.ts";

/**
 * @param nameOrPath a local directory; `org/name` or `name` on the Hugging Face hub (or on the mirror that HF_ENDPOINT
 *   names), with `@revision`; `modelscope:org/name`. Models and PEFT adapters alike.
 * @returns the directory itself, or the snapshot in the cache that Python's huggingface_hub (or modelscope) uses, with
 *   configuration, tokenizer and safetensors all there and checked.
 * @throws AttuneError that names the file or the model and the way out; the signal's reason when aborted.
 */
export async function resolveModel(nameOrPath: string, options: HubOptions = {}): Promise<string> {
  const local = await localDirectory(nameOrPath);
  if (local !== undefined) return local;
  const settings = await readHubSettings(options.env);
  const repo = parseRepo(nameOrPath, "model", settings.useModelScope);
  const open = repo.source === "modelscope" ? openModelScope : openHub;
  return orMissing(nameOrPath, "directory", async () => {
    const snapshot = await open(repo, settings, options);
    const directory = await snapshot.fetch(selectModelFiles(snapshot.paths, repoName(repo)));
    await checkShards(directory, repoName(repo));
    return directory;
  });
}
