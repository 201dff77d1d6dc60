import type { FileHandle } from "node:fs/promises";
import { basename } from "node:path";
import { writeFileAtomic } from "../../files/atomic.ts";
import type { Base } from "../../pretrained/base.ts";
import { endTokens } from "../end_tokens.ts";
import type { ModelWeights } from "../model_weights.ts";
import { type SourceOptions, withSource } from "../open_source.ts";
import { requireFree } from "../require_free.ts";
import { templateSource } from "../template_source.ts";
import { describeForLlama } from "./architectures/architectures.ts";
import { checkGguf } from "./check_gguf.ts";
import { GGML_TYPES } from "./ggml_types.ts";
import { type GgufMetadata, type GgufValue, texts, textValue, u32 } from "./gguf_header.ts";
import { learnedSettings } from "./learned_settings.ts";
import { createSpaces, expectedValues, tensorContent } from "./tensor_content.ts";
import { FILE_TYPES, type FileTypeName, type PlannedTensor, planTensors } from "./tensor_plan.ts";
import { tokenizerMetadata } from "./tokenizer_metadata.ts";
import { writeGguf } from "./write_gguf.ts";

export interface GgufOptions extends SourceOptions {
  /** The file, which must not be there yet. */
  output: string;
  type: FileTypeName;
  /** As in a recipe: "chat" is the model's own, and left out the same. */
  template?: string;
  onBytes?: (done: number, total: number) => void;
  /** Sees what is about to be written, and may refuse it. */
  onPlan?: (tensors: readonly PlannedTensor[]) => void;
}

export interface GgufReport {
  /** llama.cpp's name of the architecture. */
  architecture: string;
  tensors: number;
  bytes: number;
}

/**
 * Writes the model, with the adapter merged into it, as a GGUF file for llama.cpp. The file is read back, its header and
 * values compared with the model, before it takes its name. Weights are read a piece at a time.
 * @throws AttuneError that names what llama.cpp can't represent, or the fault.
 */
export async function exportGguf(options: GgufOptions): Promise<GgufReport> {
  await requireFree(options.output);
  return withSource(options, ({ base }, weights) => write(options, base, weights));
}

async function write(options: GgufOptions, base: Base, source: ModelWeights): Promise<GgufReport> {
  const { output, type, onBytes } = options;
  const { model, config, weights } = source;
  const description = describeForLlama(config, model, base.directory.path);
  const inMxfp4 = new Set(Array.from(weights.values(), ({ isMxfp4, name }) => (isMxfp4 ? name : "")));
  const tensors = planTensors(model, description, FILE_TYPES[type], inMxfp4);
  options.onPlan?.(tensors);
  const prefixed = Array.from(description.metadata, ([key, value]): [string, GgufValue] => [
    `${description.name}.${key}`,
    value,
  ]);
  const metadata: GgufMetadata = new Map([
    ...general(description.name, base, type, tensors),
    ...prefixed,
    ...description.plain,
    ...(await learnedSettings(source, description)),
    ...(await tokenizerOf(base, source, options)),
    ...(await templateOf(base, options.template)),
  ]);
  const values = (tensor: PlannedTensor, start: number, count: number) =>
    expectedValues(tensor, weights, start, count);
  const spaces = createSpaces();
  const content = (tensor: PlannedTensor) => tensorContent(tensor, weights, spaces);
  let bytes = 0;
  await writeFileAtomic(output, async (file: FileHandle) => {
    await writeGguf(file, { metadata, tensors, content, onBytes });
    await checkGguf(file, { metadata, tensors, values });
    bytes = (await file.stat()).size;
  });
  return { architecture: description.name, tensors: tensors.length, bytes };
}

type Entries = [string, GgufValue][];

/** Codes are by blocks in their second version. */
const QUANTIZATION_VERSION = 2;

function general(
  architecture: string,
  base: Base,
  type: FileTypeName,
  tensors: readonly PlannedTensor[],
): Entries {
  const isQuantized = tensors.some((tensor) => GGML_TYPES[tensor.type].values > 1);
  const quantized: Entries = isQuantized ? [["general.quantization_version", u32(QUANTIZATION_VERSION)]] : [];
  return [
    ["general.architecture", textValue(architecture)],
    ["general.type", textValue("model")],
    ["general.name", textValue(nameOf(base))],
    ["general.file_type", u32(FILE_TYPES[type].code)],
    ...quantized,
  ];
}

/**
 * The directory's name. llama.cpp takes a model called Phi-3 to have Phi-3's tokens, whose white space it then takes, and
 * does not load it without them.
 */
function nameOf({ directory, tokenizer }: Base): string {
  const name = basename(directory.path);
  const hasItsTokens = ["</s>", "<unk>", "<s>", "<|endoftext|>"].every(
    (token) => tokenizer.idOf(token) !== undefined,
  );
  return hasItsTokens ? name : name.replace(/phi-?3/gi, "phi");
}

async function tokenizerOf(
  base: Base,
  { model, config }: ModelWeights,
  { template, onWarning }: GgufOptions,
): Promise<Entries> {
  return tokenizerMetadata({
    tokenizerJson: base.directory.tokenizerJson,
    tokenizerConfig: base.tokenizerConfig,
    eosIds: await endTokens(base, template),
    vocabSize: model.dimensions.vocabSize,
    bosId: config.bos_token_id,
    onWarning,
  });
}

async function templateOf(base: Base, name: string | undefined): Promise<Entries> {
  const { default: main, tool_use: tools } = await templateSource(base, name);
  const entries: Entries = main === undefined ? [] : [["tokenizer.chat_template", textValue(main)]];
  if (tools === undefined) return entries;
  return [
    ...entries,
    ["tokenizer.chat_templates", texts(["tool_use"])],
    ["tokenizer.chat_template.tool_use", textValue(tools)],
  ];
}
