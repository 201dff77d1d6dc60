/** Which files of a directory are pushed, and with what content. */
import { lstat, readdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { ADAPTER_CONFIG_FILE } from "../../adapters/peft/find_adapter.ts";
import { readJsonObject, readTextFile } from "../../files/json_file.ts";
import type { UploadFile } from "../../hub/upload.ts";
import { CONFIG_FILE } from "../../pretrained/config_file.ts";
import { floatPaths } from "../../text/json_scan.ts";
import { pythonJson } from "../../text/python_json.ts";

/** What models, adapters and exports are made of: nothing else leaves the machine. */
const PUSHED =
  /\.(safetensors|safetensors\.index\.json|gguf|onnx|onnx_data(_\d+)?|jinja|model|npz)$|^(config|generation_config|adapter_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|preprocessor_config)\.json$|^(merges|vocab)\.txt$|^(README\.md|LICENSE|LICENSE\.(md|txt)|NOTICE|Modelfile)$/;
const FOLDERS = ["onnx", "additional_chat_templates"];

export interface PushedFiles {
  files: UploadFile[];
  /** What was left out, by name. */
  left: string[];
}

/** @param base what the base is called where files would say where it lay on this machine */
export async function pushedFiles(directory: string, base: string | undefined): Promise<PushedFiles> {
  const [files, left]: [UploadFile[], string[]] = [[], []];
  for (const path of await pathsIn(directory)) {
    const at = join(directory, path);
    if (!PUSHED.test(basename(path)) || !(await isFile(at))) left.push(path);
    else files.push(await fileAt(at, path, base));
  }
  return { files, left };
}

/** Links are followed nowhere: what they lead to may lie elsewhere. */
async function pathsIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const paths = await Promise.all(
    entries.map(async (entry) => {
      if (!entry.isDirectory()) return [entry.name];
      if (!FOLDERS.includes(entry.name)) return [`${entry.name}/`];
      return (await readdir(join(directory, entry.name))).map((name) => `${entry.name}/${name}`);
    }),
  );
  return paths.flat().sort();
}

const isFile = async (at: string) => (await lstat(at)).isFile();

async function fileAt(at: string, path: string, base: string | undefined): Promise<UploadFile> {
  if (path !== ADAPTER_CONFIG_FILE && path !== CONFIG_FILE)
    return { path, content: pathToFileURL(resolve(at)), size: (await lstat(at)).size };
  const { _name_or_path: _, ...config } = await readJsonObject(at);
  const named = path === ADAPTER_CONFIG_FILE ? { ...config, base_model_name_or_path: base ?? null } : config;
  return textFile(path, pythonJson(named, floatPaths(await readTextFile(at))));
}

export function textFile(path: string, text: string): UploadFile {
  const content = new Blob([text]);
  return { path, content, size: content.size };
}
