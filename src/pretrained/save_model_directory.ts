/** Writes a model directory that transformers loads. */

import { copyFile, mkdir, readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeDirectoryAtomic, writeFileAtomic } from "../files/atomic.ts";
import { CHAT_TEMPLATE_DIRECTORY, isCompanionFile } from "../files/companion_files.ts";
import { diskError } from "../files/disk_error.ts";
import { diskFolder } from "../files/disk_folder.ts";
import { INDEX_FILE } from "../files/model_weights.ts";
import type { TensorSource } from "../files/safetensors.ts";
import { writeSafetensors } from "../files/safetensors_file.ts";
import { byteLength } from "../files/safetensors_header.ts";
import { planShards } from "../files/shards.ts";
import { fileNames } from "../models/checkpoint_names.ts";
import { familyOf } from "../models/families.ts";
import { pythonJson } from "../text/python_json.ts";
import { CONFIG_FILE, configText } from "./config_file.ts";
import type { ModelDirectory } from "./model_directory.ts";

/**
 * Appears at `path` whole or not at all, one tensor in memory at a time.
 * @param from whose tokenizer and generation files are copied, and whose config tells which whole numbers are floats.
 * @param files in place of companions of `from`: another text, or null where one has no place any more.
 * @param maxShardBytes transformers 4's default, 5 GB, when left out.
 * @param replace allows an earlier directory to be replaced: a run's own output. Otherwise `path` must be free or empty.
 * @throws AttuneError when the disk refuses or `path` is taken; what was there before stays.
 */
export async function saveModelDirectory(
  path: string,
  model: {
    config: Record<string, unknown>;
    tensors: Iterable<TensorSource>;
    from?: ModelDirectory;
    files?: Readonly<Record<string, string | null>>;
    maxShardBytes?: number;
    replace?: boolean;
    /** What the files' metadata call their format; "pt" when left out. */
    format?: string;
  },
): Promise<void> {
  const { config, tensors, from, files = {}, maxShardBytes = 5e9, replace = false, format = "pt" } = model;
  const { model_type } = config;
  const named = model_type === undefined ? [...tensors] : fileNames(tensors, familyOf(model_type));
  await writeDirectoryAtomic(
    path,
    async (directory) => {
      if (from) await copyCompanions(from.path, directory, files);
      for (const [file, text] of Object.entries(files))
        if (text !== null) await writeFileAtomic(join(directory, file), text);
      const original = from && (await diskFolder(from.path).text(CONFIG_FILE));
      await writeFileAtomic(join(directory, CONFIG_FILE), configText(config, original));
      await writeWeights(directory, named, { maxShardBytes, format });
    },
    { replace },
  );
}

async function copyCompanions(from: string, to: string, except: object): Promise<void> {
  try {
    for (const file of await companionFiles(from)) {
      if (file in except) continue;
      await mkdir(dirname(join(to, file)), { recursive: true });
      await copyFile(join(from, file), join(to, file));
    }
  } catch (error) {
    throw diskError(error, "write", to);
  }
}

async function companionFiles(directory: string): Promise<string[]> {
  const files = await readdir(directory);
  const templates = files.includes(CHAT_TEMPLATE_DIRECTORY)
    ? await readdir(join(directory, CHAT_TEMPLATE_DIRECTORY))
    : [];
  return [...files, ...templates.map((file) => `${CHAT_TEMPLATE_DIRECTORY}/${file}`)].filter(isCompanionFile);
}

async function writeWeights(
  directory: string,
  tensors: TensorSource[],
  { maxShardBytes, format }: { maxShardBytes: number; format: string },
): Promise<void> {
  const sizeOf = ({ name, dtype, shape }: TensorSource) => byteLength(dtype, shape, name);
  const shards = planShards(tensors, sizeOf, maxShardBytes);
  for (const [file, members] of shards) await writeSafetensors(join(directory, file), members, { format });
  if (shards.size === 1) return;
  const weightMap = [...shards].flatMap(([file, members]) =>
    members.map(({ name }) => [name, file] as const),
  );
  const index = {
    metadata: {
      total_parameters: sum(tensors.map(({ shape }) => shape.reduce((product, size) => product * size, 1))),
      total_size: sum(tensors.map(sizeOf)),
    },
    weight_map: Object.fromEntries(weightMap),
  };
  await writeFileAtomic(join(directory, INDEX_FILE), `${pythonJson(index)}\n`);
}

const sum = (numbers: number[]): number => numbers.reduce((total, number) => total + number, 0);
