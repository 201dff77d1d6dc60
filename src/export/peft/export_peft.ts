import { copyFile, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { readAdapterDirectory } from "../../adapters/peft/adapter_directory.ts";
import { ADAPTER_CONFIG_FILE, WEIGHTS_FILE } from "../../adapters/peft/find_adapter.ts";
import { writeDirectoryAtomic, writeFileAtomic } from "../../files/atomic.ts";
import { diskError } from "../../files/disk_error.ts";
import { readJsonObject, readTextFile } from "../../files/json_file.ts";
import type { Base } from "../../pretrained/base.ts";
import { hubId } from "../../pretrained/same_base.ts";
import { AttuneError } from "../../text/errors.ts";
import { floatPaths } from "../../text/json_scan.ts";
import { pythonJson } from "../../text/python_json.ts";
import { modelCard } from "../model_card.ts";
import { openSource, type SourceOptions } from "../open_source.ts";
import { templateSource } from "../template_source.ts";

export interface PeftOptions extends SourceOptions {
  adapter: string;
  /** A directory, new or empty. */
  output: string;
  /** The template it was trained with, as in a recipe. */
  template?: string;
}

export interface PeftReport {
  modules: number;
  /** Whether the tokenizer goes along: its template is another than the base's. */
  hasTokenizer: boolean;
}

const TOKENIZER_FILES = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"];

/**
 * Writes an adapter for others: PEFT's two files, which name the base as the hub does where it came from there; a model
 * card; and where it was trained with another chat template than the base's own, the tokenizer with that.
 * @throws AttuneError that names the fault.
 */
export async function exportPeft(options: PeftOptions): Promise<PeftReport> {
  const { base, adapter, adapterPath } = await openSource(options);
  const from = adapterPath!;
  const name = hubId(base.directory.path) ?? adapter!.baseModel ?? basename(base.directory.path);
  const template = await ownTemplate(base, options.template);
  const hasTokenizer = template !== undefined;
  await writeDirectoryAtomic(options.output, async (directory) => {
    await copy(join(from, WEIGHTS_FILE), join(directory, WEIGHTS_FILE));
    await writeFileAtomic(
      join(directory, ADAPTER_CONFIG_FILE),
      await configOf(join(from, ADAPTER_CONFIG_FILE), name),
    );
    if (hasTokenizer) await writeTokenizer(directory, base, template);
    await writeFileAtomic(
      join(directory, "README.md"),
      modelCard({ subject: { kind: "adapter", adapter: adapter!, hasTokenizer }, base: name }),
    );
    await requireSame(from, directory, options.output);
  });
  return { modules: adapter!.modules.size, hasTokenizer };
}

/** PEFT's file, but for the name of the base. */
async function configOf(file: string, base: string): Promise<string> {
  const floats = floatPaths(await readTextFile(file));
  return pythonJson({ ...(await readJsonObject(file)), base_model_name_or_path: base }, floats);
}

/** The template, where it is another than the base's own and one that a file can hold. */
async function ownTemplate(base: Base, name: string | undefined): Promise<string | undefined> {
  const { default: source } = await templateSource(base, name);
  return source === base.directory.chatTemplates?.default ? undefined : source;
}

async function writeTokenizer(directory: string, base: Base, template: string): Promise<void> {
  for (const file of TOKENIZER_FILES)
    await copy(join(base.directory.path, file), join(directory, file)).catch((error) => {
      if (file === "tokenizer.json") throw error; // the others may be missing
    });
  await writeFileAtomic(join(directory, "chat_template.jinja"), template);
}

async function copy(from: string, to: string): Promise<void> {
  await copyFile(from, to).catch((error) => {
    throw diskError(error, "write", to);
  });
}

/** The adapter reads as it did, and its weights are the same bytes. */
async function requireSame(from: string, to: string, place: string): Promise<void> {
  await readAdapterDirectory(to);
  const [before, after] = await Promise.all([from, to].map((path) => readFile(join(path, WEIGHTS_FILE))));
  if (before!.equals(after!)) return;
  throw new AttuneError({
    code: "export.check-failed",
    place: `${place}: ${WEIGHTS_FILE}`,
    problem: "the file holds something else than was written. Nothing was kept",
    wayOut: "Check the disk, or choose another place",
  });
}
