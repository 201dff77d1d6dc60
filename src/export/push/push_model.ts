import { stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { readAdapterDirectory } from "../../adapters/peft/adapter_directory.ts";
import { ADAPTER_CONFIG_FILE } from "../../adapters/peft/find_adapter.ts";
import { diskError } from "../../files/disk_error.ts";
import { readTextFile } from "../../files/json_file.ts";
import { looksLikeHubName } from "../../hub/repo.ts";
import { type UploadFile, type UploadOptions, type UploadReport, uploadFiles } from "../../hub/upload.ts";
import { hubId } from "../../pretrained/same_base.ts";
import { AttuneError } from "../../text/errors.ts";
import { type CardRun, type CardSubject, modelCard } from "../model_card.ts";
import { pushedFiles, textFile } from "./pushed_files.ts";

export interface PushOptions extends Omit<UploadOptions, "files" | "title"> {
  /** A model's, an adapter's or an export's directory, or a GGUF file. */
  path: string;
  /** The base, as a recipe names it; of an adapter its files say it, too. */
  base?: string;
  /** How it came about. */
  run?: CardRun;
  /** As the hub spells it: "apache-2.0". */
  licence?: string;
  /** Something odd that does not stop the work. */
  onWarning?: (text: string) => void;
}

export interface PushReport extends UploadReport {
  kind: CardSubject["kind"];
  files: number;
  bytes: number;
}

/**
 * Pushes a model, an adapter or an export to the hub, with a model card unless it has one of its own. Paths of this machine
 * are left out of all that is sent.
 * @throws AttuneError that names the fault.
 */
export async function pushModel(options: PushOptions): Promise<PushReport> {
  const { path, to, run, licence, onWarning } = options;
  const adapter = (await isFile(join(path, ADAPTER_CONFIG_FILE)))
    ? await readAdapterDirectory(path)
    : undefined;
  const from = options.base ?? adapter?.baseModel;
  const base = from === undefined ? undefined : publicName(from);
  const { files, left } = await filesOf(path, base);
  if (left.length > 0) onWarning?.(`not pushed, since no model is made of it: ${left.join(", ")}`);
  const has = (pattern: RegExp) => files.some((file) => pattern.test(file.path));
  const subject: CardSubject = adapter
    ? { kind: "adapter", adapter, hasTokenizer: has(/^tokenizer\.json$/) }
    : { kind: kindOf(has, path) };
  const own = await ownCard(path);
  const card = own ?? modelCard({ subject, base, name: to, run, licence });
  const all = [...files.filter((file) => file.path !== "README.md"), textFile("README.md", card)];
  const report = await uploadFiles({ ...options, files: all, title: `Upload ${subject.kind} with attune` });
  const bytes = all.reduce((sum, { size }) => sum + size, 0);
  return { ...report, kind: subject.kind, files: all.length, bytes };
}

/** As others know it: its name on the hub; of a directory of this machine its last part alone. */
export function publicName(base: string): string {
  const cached = hubId(resolve(base));
  if (cached !== undefined) return cached;
  return looksLikeHubName(base) ? base.replace(/^modelscope:/, "") : basename(resolve(base));
}

async function filesOf(
  path: string,
  base: string | undefined,
): Promise<{ files: UploadFile[]; left: string[] }> {
  const info = await stat(path).catch((error) => {
    throw diskError(error, "read", path);
  });
  if (info.isDirectory()) return pushedFiles(path, base);
  const file = { path: basename(path), content: pathToFileURL(resolve(path)), size: info.size };
  return { files: /\.gguf$/.test(path) ? [file] : [], left: [] };
}

function kindOf(has: (pattern: RegExp) => boolean, path: string): "model" | "onnx" | "gguf" {
  if (has(/^onnx\/.+\.onnx$/)) return "onnx";
  if (has(/\.gguf$/)) return "gguf";
  if (has(/^config\.json$/) && has(/\.safetensors$/)) return "model";
  throw new AttuneError({
    code: "export.nothing-to-push",
    place: path,
    problem: "there is no model, no adapter and no export in it",
    expected:
      "a run, a directory with config.json or adapter_config.json and weights, an ONNX export, or a .gguf file",
  });
}

const isFile = (path: string) =>
  stat(path).then(
    (info) => info.isFile(),
    () => false,
  );

/** A card that someone wrote stays; one that attune made is made anew. */
async function ownCard(path: string): Promise<string | undefined> {
  const file = join(path, "README.md");
  const text = (await isFile(file)) ? await readTextFile(file) : undefined;
  return text?.includes("Made with attune.") ? undefined : text;
}
