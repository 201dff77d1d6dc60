/** PEFT's adapter directory on the disk. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { writeDirectoryAtomic, writeFilesAtomic } from "../../files/atomic.ts";
import { diskFolder } from "../../files/disk_folder.ts";
import type { Adapter, AdapterConfig } from "../adapter.ts";
import { adapterContent, readAdapterFolder, readSettings } from "./adapter_files.ts";
import { findAdapterDirectory } from "./find_adapter.ts";

/**
 * Reads an adapter, float32, float16 or bfloat16; of a run's directory the adapter that the run made.
 * @throws AttuneError that names what is missing, foreign, wrongly shaped or not supported.
 */
export const readAdapterDirectory = async (from: string): Promise<Adapter> =>
  readAdapterFolder(diskFolder(await findAdapterDirectory(from)));

/** Its settings alone. @throws AttuneError as `readAdapterDirectory` does. */
export const readAdapterConfig = async (from: string): Promise<AdapterConfig> =>
  (await readSettings(diskFolder(await findAdapterDirectory(from)))).config;

/**
 * Writes the files as PEFT writes them, float32. A new directory appears whole; in one that exists both files are
 * replaced once both are on the disk, and other files stay.
 * @throws AttuneError when the disk refuses; what was there before stays.
 */
export async function writeAdapterDirectory(path: string, adapter: Adapter): Promise<void> {
  const content = adapterContent(adapter);
  const into = (directory: string) =>
    writeFilesAtomic(new Map([...content].map(([file, data]) => [join(directory, file), data])));
  if (await isDirectory(path)) await into(path);
  else await writeDirectoryAtomic(path, into);
}

const isDirectory = (path: string): Promise<boolean> =>
  stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
