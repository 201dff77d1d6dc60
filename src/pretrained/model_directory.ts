/** A model directory on the disk. */
import { realpath } from "node:fs/promises";
import { diskError } from "../files/disk_error.ts";
import { diskFolder } from "../files/disk_folder.ts";
import { type ModelDirectory, type OpenDirectoryOptions, readModelFolder } from "./model_folder.ts";

export type { ModelDirectory, OpenDirectoryOptions } from "./model_folder.ts";
export { saveModelDirectory } from "./save_model_directory.ts";

/**
 * Reads everything but the weights, of which it reads the headers. Links are followed.
 * @throws AttuneError that names the file and the fault.
 */
export async function openModelDirectory(
  path: string,
  options?: OpenDirectoryOptions,
): Promise<ModelDirectory> {
  const directory = await realpath(path).catch((error) => {
    throw diskError(error, "read", path);
  });
  return readModelFolder(diskFolder(directory), options);
}
