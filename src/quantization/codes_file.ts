/** Codes of quantized weights, made once and kept in a file of the user's cache, which the runtime maps like a model's own. */
import { createHash } from "node:crypto";
import { access, stat } from "node:fs/promises";
import { diskError } from "../files/disk_error.ts";
import type { TensorEntry, TensorSource } from "../files/safetensors.ts";
import { writeSafetensors } from "../files/safetensors_file.ts";
import {
  cacheEntry,
  passingDirectory,
  pruneCache,
  touchEntry,
  userCache,
  withCache,
} from "../files/user_cache.ts";

export interface QuantizeTensorsOptions {
  /** Where codes are kept; attune's own part of the user's cache when left out. */
  directory?: string;
  /** Progress callback, before each weight that is read. */
  onWeight?: OnWeight;
  /** Called when the cache can't be written: then only this process has the codes. */
  warn?: (message: string) => void;
}

/** Progress callback: how many weights have been read, of how many. */
export type OnWeight = (done: number, total: number) => void;

/**
 * A file with the tensors that `make` gives, which it is asked for where no file is known for these weights in this format.
 * @param format what tells these codes from others of the same weights
 */
export async function codesFile(
  weights: readonly TensorEntry[],
  format: readonly unknown[],
  { directory = userCache("quantized"), warn }: QuantizeTensorsOptions,
  make: () => Promise<TensorSource[]>,
): Promise<string> {
  const key = await cacheKey(weights, format);
  const find = async (directory: string | undefined) => {
    const file = await cacheEntry(directory ?? (await passingDirectory()), key, ".safetensors");
    if (await exists(file)) await touchEntry(file);
    else {
      await writeSafetensors(file, await make());
      await pruneCache(file, CACHE_LIMIT);
    }
    return file;
  };
  return withCache(directory, find, warn);
}

const CACHE_LIMIT = 40 * 2 ** 30; // bytes of all entries

const FORMAT = 1; // of the files: another one, and old caches are left alone

/** Of the weights' names, types, places and files, as those are now. */
async function cacheKey(weights: readonly TensorEntry[], format: readonly unknown[]): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify([FORMAT, ...format]));
  for (const file of new Set(weights.map((weight) => weight.file))) hash.update(await fileState(file));
  for (const { name, dtype, shape, file, offset } of weights)
    hash.update(JSON.stringify([name, dtype, shape, file, offset]));
  return hash.digest("hex");
}

async function fileState(file: string): Promise<string> {
  try {
    const { size, mtimeNs, ino } = await stat(file, { bigint: true });
    return `${file} ${size} ${mtimeNs} ${ino}`;
  } catch (error) {
    throw diskError(error, "read", file);
  }
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );
