import { stat } from "node:fs/promises";
import { dataFiles } from "../data/files/data_files.ts";
import { dataKindOf, isOtherFile } from "../data/files/data_kinds.ts";
import { orMissing } from "../hub/local_directory.ts";
import { looksLikeHubName } from "../hub/repo.ts";
import { type DatasetOptions, resolveDataset } from "../hub/resolve_dataset.ts";

/**
 * The data files that a recipe's `path` means: of a file or directory, of standard input ("-"), or of a split of a
 * dataset of the hub, which is fetched into the cache.
 * @throws AttuneError when there are none.
 */
export async function datasetFiles(path: string, hub: DatasetOptions = {}): Promise<string[]> {
  if (!(await meansHub(path))) return dataFiles(path);
  return orMissing(path, "file", () => resolveDataset(path, hub));
}

/** `org/name` where there is no such directory; `data/train.json` is a file that is missing. */
async function meansHub(path: string): Promise<boolean> {
  if (path === "-" || !/[/:]/.test(path) || !looksLikeHubName(path)) return false;
  if (dataKindOf(path) || isOtherFile(path)) return false;
  return !(await stat(path).catch(() => undefined));
}
