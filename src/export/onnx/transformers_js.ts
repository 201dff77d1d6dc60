/** The files that transformers.js reads beside a model: its settings, the tokenizer with the template inside. */
import { join } from "node:path";
import { writeFileAtomic } from "../../files/atomic.ts";
import { diskFolder } from "../../files/disk_folder.ts";
import { familyOf } from "../../models/families.ts";
import type { Config } from "../../models/family.ts";
import type { Base } from "../../pretrained/base.ts";
import { CONFIG_FILE, configText } from "../../pretrained/config_file.ts";
import { pythonJson } from "../../text/python_json.ts";
import { endTokens } from "../end_tokens.ts";
import { templateSource } from "../template_source.ts";
import type { OnnxTypeName } from "./onnx_types.ts";

/** Of the families that attune computes those that transformers.js 4.3 knows (src/models/registry.js, by model_type). */
export const KNOWN_TO_TRANSFORMERS_JS: ReadonlySet<string> = new Set([
  ...["apertus", "arcee", "cohere", "cohere2", "ernie4_5", "falcon", "gemma", "gemma2", "gemma3_text", "glm"],
  ...[
    "gpt2",
    "gpt_neox",
    "gpt_oss",
    "granite",
    "granitemoehybrid",
    "helium",
    "hunyuan_v1_dense",
    "lfm2",
    "llama",
  ],
  ...[
    "ministral",
    "ministral3",
    "mistral",
    "olmo",
    "olmo2",
    "olmo3",
    "phi",
    "phi3",
    "qwen2",
    "qwen2_moe",
    "qwen3",
  ],
  ...["qwen3_5_text", "qwen3_moe", "qwen3_next", "smollm3", "stablelm", "starcoder2", "vaultgemma"],
]);

/** config.json of the text model alone: what also sees images comes without its eyes. */
export function textConfig(config: Config): Config {
  const part = familyOf(config.model_type).textPart;
  if (!part) return config;
  const { architectures: _, ...text } = part.config(config);
  return text;
}

export interface SettingsOptions {
  base: Base;
  /** The exported model's. */
  config: Config;
  type: OnnxTypeName;
  template?: string;
  /** Name of the model's file, and how many files lie beside it. */
  file: string;
  dataFiles: number;
}

export async function writeSettings(directory: string, options: SettingsOptions): Promise<void> {
  const { base, template } = options;
  const ends = await endTokens(base, template);
  const files = {
    [CONFIG_FILE]: await configOf(options),
    "generation_config.json": json({
      ...base.directory.generationConfig,
      ...(ends.length > 0 && { eos_token_id: ends }),
    }),
    "tokenizer.json": json(base.directory.tokenizerJson),
    "tokenizer_config.json": json(await tokenizerConfig(base, template)),
  };
  for (const [name, text] of Object.entries(files)) await writeFileAtomic(join(directory, name), text);
}

const json = (value: unknown) => `${pythonJson(value)}\n`;

/** The type is the file's that is there, so that `pipeline` need not be told. */
async function configOf({ base, config, type, file, dataFiles }: SettingsOptions): Promise<string> {
  const original = await diskFolder(base.directory.path).text(CONFIG_FILE);
  const data = dataFiles > 0 && { use_external_data_format: { [file]: dataFiles } };
  return configText(
    { ...cacheConfig(textConfig(config)), "transformers.js_config": { dtype: type, ...data } },
    original,
  );
}

/** transformers.js finds the names of the cache by these keys: they must say that each layer has keys and values. */
function cacheConfig({ multi_query: _, ...config }: Config): Config {
  if (config.model_type !== "granitemoehybrid") return config;
  return { ...config, layer_types: Array(config.num_hidden_layers).fill("attention") };
}

/** With the template inside: transformers.js reads no chat_template.jinja. */
async function tokenizerConfig(base: Base, name: string | undefined): Promise<Record<string, unknown>> {
  const { chat_template: _, ...own } = base.tokenizerConfig;
  const { default: main, tool_use: tools } = await templateSource(base, name);
  if (main === undefined) return own;
  const named = tools !== undefined && [
    { name: "default", template: main },
    { name: "tool_use", template: tools },
  ];
  return { ...own, chat_template: named || main };
}
