/** Files that llama.cpp has loaded and computed with: `npm run check-llama` does so, and the tests make them again. */
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { writeFileAtomic } from "../../files/atomic.ts";
import { openModelDirectory } from "../../pretrained/model_directory.ts";
import { completeTokenizerConfig, eosTokenIds } from "../../pretrained/tokenizer_config.ts";
import { goldenPath } from "../../testing/goldens.ts";
import { exportGguf } from "../gguf/export_gguf.ts";
import { exportLora } from "../gguf/export_lora.ts";
import { textValue } from "../gguf/gguf_header.ts";
import type { FileTypeName } from "../gguf/tensor_plan.ts";
import { tokenizerMetadata } from "../gguf/tokenizer_metadata.ts";
import { writeGguf } from "../gguf/write_gguf.ts";

export interface LlamaCase {
  name: string;
  /** Under goldens/; its logits lie in the adapter's directory where there is one. */
  model: string;
  adapter?: string;
  type: FileTypeName;
}

const MODELS = "gguf/models";
const model = (path: string, type: FileTypeName = "f32"): LlamaCase => ({
  name: `${basename(path)}-${type}`,
  model: path,
  type,
});
const merged = (base: string, adapter: string): LlamaCase => ({
  name: `${basename(adapter)}-merged`,
  model: `${MODELS}/${base}`,
  adapter: `gguf/adapters/${adapter}`,
  type: "f32",
});

const SMALL_TYPES = ["f16", "bf16", "q8_0", "q4_0"] as const;

export const LLAMA_CASES: readonly LlamaCase[] = [
  ...readdirSync(goldenPath(MODELS)).map((name) => model(`${MODELS}/${name}`)),
  ...["llama-gqa", "llama3-rope", "llama-linear-rope", "llama-bias", "llama-bf16", "llama-sharded"].map(
    (name) => model(`models/${name}`),
  ),
  ...["mistral-plain", "qwen2-untied"].map((name) => model(`models/${name}`)),
  ...["llama-yarn", "phi3-longrope", "gpt_neox-serial"].map((name) => model(`families/${name}`)),
  ...["gemma4_text-values", "gemma4_unified", "granitemoehybrid", "mistral3-ministral3"].map((name) =>
    model(`families/${name}`),
  ),
  ...["llama", "gpt2", "gemma3", "gemma3n", "gemma4-experts", "mixtral", "deepseek-v3"].flatMap((name) =>
    SMALL_TYPES.map((type) => model(`${MODELS}/${name}`, type)),
  ),
  ...(["f32", "f16", "q8_0"] as const).map((type) => model("mxfp4", type)),
  merged("llama", "llama-rslora-patterns"),
  merged("gpt2", "gpt2-rslora"),
  merged("gpt-neox", "gpt-neox-lora"),
  merged("phi3", "phi3-lora"),
  merged("deepseek-v3", "deepseek-v3-lora"),
  merged("gpt-oss", "gpt-oss-lora"),
  merged("granite-hybrid", "granite-hybrid-lora"),
  merged("apertus", "apertus-lora"),
  merged("gemma3n", "gemma3n-lora"),
  merged("gemma4", "gemma4-lora"),
  merged("qwen3-next", "qwen3-next-lora"),
  merged("qwen3-5", "qwen3-5-lora"),
];

/** Adapters as files of their own, over their base's f32 file. */
export const LORA_CASES: readonly { name: string; model: string; adapter: string }[] = [
  ...["llama-lora", "llama-rslora", "llama-patterns", "llama-rslora-patterns", "qwen2-lora", "gpt2-lora"],
  ...["gpt2-rslora", "gpt-neox-lora", "phi3-lora", "mixtral-lora", "gemma3-lora", "gemma3n-lora"],
  ...["gemma4-lora", "apertus-lora", "granite-hybrid-lora", "llama-head"],
  ...["deepseek-v3-output", "gpt-oss-lora"],
  ...["qwen3-next-lora", "qwen3-5-lora"],
].map((name) => ({
  name: `${name}-file`,
  model:
    name === "llama-head"
      ? `${MODELS}/llama-untied`
      : `${MODELS}/${name.replace(/(-rslora|-lora|-output)?(-patterns)?$/, "")}`,
  adapter: `gguf/adapters/${name}`,
}));

/** The file of an adapter, below `directory`. */
export async function exportLoraCase(
  { name, model: path, adapter }: (typeof LORA_CASES)[number],
  directory: string,
): Promise<string> {
  const output = join(directory, `${name}.gguf`);
  const from = modelWithTokenizer(path, directory);
  await exportLora({ model: from, adapter: goldenPath(adapter), output, type: "f32" });
  return output;
}

/** Families whose activation is GELU: llama.cpp computes it from a table in float16. */
export const isGelu = ({ model: path }: Pick<LlamaCase, "model">): boolean =>
  /gemma|gpt(?!-oss)|starcoder2|phi$|falcon/.test(basename(path));

/** A copy of a golden model below `directory`, with the shared tokenizer where it has none. */
export function modelWithTokenizer(path: string, directory: string): string {
  const copy = join(directory, basename(path));
  mkdirSync(copy, { recursive: true });
  cpSync(goldenPath(path), copy, { recursive: true });
  for (const file of ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"])
    if (!existsSync(join(copy, file))) cpSync(goldenPath(`models/llama-gqa/${file}`), join(copy, file));
  return copy;
}

/** The file of a case, below `directory`. */
export async function exportCase(
  { name, model: path, adapter, type }: LlamaCase,
  directory: string,
): Promise<string> {
  const output = join(directory, `${name}.gguf`);
  const from = modelWithTokenizer(path, directory);
  await exportGguf({ model: from, adapter: adapter && goldenPath(adapter), output, type });
  return output;
}

export const sha256 = (path: string): string => createHash("sha256").update(readFileSync(path)).digest("hex");

export interface TokenGoldens {
  texts: string[];
  /** By tokenizer: its directory, ids without special tokens, and of the first texts with those of the tokenizer's own. */
  ids: Record<string, { directory: string; plain: number[][]; special: number[][] }>;
}

export const tokenGoldens = (): TokenGoldens =>
  JSON.parse(readFileSync(goldenPath("gguf/tokens.json"), "utf8"));

/** A file with a tokenizer and no weights. */
export async function exportVocabulary(directory: string, output: string): Promise<string> {
  const path = goldenPath(`../${directory}`);
  const opened = await openModelDirectory(path, { weights: "optional" });
  const entries = tokenizerMetadata({
    tokenizerJson: opened.tokenizerJson,
    tokenizerConfig: completeTokenizerConfig(opened),
    eosIds: eosTokenIds(opened),
    vocabSize: opened.config.vocab_size as number,
    bosId: opened.config.bos_token_id,
  });
  const metadata = new Map([["general.architecture", textValue("llama")] as const, ...entries]);
  const content = () => {
    throw new Error("there are no tensors");
  };
  await writeFileAtomic(output, (file) => writeGguf(file, { metadata, tensors: [], content }));
  return output;
}

/** sha256 of the files that llama.cpp has computed with, by case. */
export const CHECKED = goldenPath("gguf/checked.json");
