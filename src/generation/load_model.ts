import { readAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { findAdapterDirectory } from "../adapters/peft/find_adapter.ts";
import { openBase, openTemplate } from "../pretrained/base.ts";
import { quantizedBase } from "../pretrained/quantized_base.ts";
import { requireSameBase } from "../pretrained/same_base.ts";
import type { OnWeight } from "../quantization/codes_file.ts";
import type { QuantizationSettings } from "../quantization/quantization_schema.ts";
import { openSession as openNodeSession } from "../runtime/node.ts";
import type { Device, OpenSession } from "../runtime/session.ts";
import { decodingOptions } from "./decoding_options.ts";
import { type LoadedModel, openLoadedModel } from "./loaded_model.ts";
import { type DecodingCompute, lowBitTensors } from "./low_bits.ts";
import { once } from "./once.ts";
import { createPromptThread } from "./prompt_thread.ts";

export type { LoadedModel } from "./loaded_model.ts";

export interface LoadModelOptions {
  /** A PEFT adapter directory, or a run's, or several by name. The first is in use. */
  adapters?: string | Readonly<Record<string, string>>;
  /** As in a recipe: "chat", the model's own where it has one, which is the default; "alpaca"; or a .jinja file. */
  template?: string;
  /** As in a recipe: keeps the base's linear layers quantized, as a run did that trained an adapter on it so. */
  quantization?: QuantizationSettings;
  /**
   * "int8" or "int4" multiplies by frozen weights in 8 or 4 bits, in integers, as GGUF's Q8_0 and Q4_0: answers come several
   * times faster from less memory, and differ a little. "float32" when left out.
   */
  compute?: DecodingCompute;
  /**
   * Gets what is odd and does not stop the work: what the model's files ask for and has no effect here, or an adapter made
   * for another copy of the model. Printed as a Node warning when left out.
   */
  onWarning?: (text: string) => void;
  /** Progress callback: how many weights are quantized, where there are any. */
  onWeight?: OnWeight;
  /** What opens the graphs that are computed: ONNX Runtime in Node when left out. */
  openSession?: OpenSession;
  /** "cpu" when left out. */
  device?: Device;
  /** Threads inside one op; all cores when left out. */
  threads?: number;
}

/**
 * Opens a model directory, and adapters on it, for generation. Adapters share the base's weights.
 * @throws AttuneError that names the file or setting at fault.
 */
export async function loadModel(path: string, options: LoadModelOptions = {}): Promise<LoadedModel> {
  const { onWarning = warn, onWeight, quantization, openSession = openNodeSession } = options;
  const base = await quantizedBase(await openBase(path), { quantization }, { onWeight });
  const template = once(() => openTemplate(base, { name: options.template }));
  if (options.template !== undefined) (await template()).choose?.(undefined); // fails now if it is broken
  const readAdapter = async (from: string) => {
    const found = await findAdapterDirectory(from);
    const adapter = await readAdapterDirectory(found);
    await requireSameBase(adapter.baseModel, found, base.directory, onWarning);
    return adapter;
  };
  const { compute = "float32" } = options;
  const session = {
    ...decodingOptions(options, base.directory.tensors),
    ...(compute !== "float32" && { foldConstants: false, rearranged: true }),
  };
  const tensors =
    compute === "float32"
      ? undefined
      : await lowBitTensors(base.model, base.directory.tensors, compute, { onWeight, warn: onWarning });
  const adapters = named(options.adapters);
  const { tokenizerConfig, eosIds } = base;
  const { tokenizerJson } = base.directory;
  const prompts = createPromptThread(base.tokenizer, {
    ...{ tokenizerJson, tokenizerConfig, eosIds },
    mediaIds: base.model.media,
  });
  return openLoadedModel({
    ...{ base, template, adapters, readAdapter, openSession, session, tensors, onWarning, prompts },
  });
}

const warn = (text: string) => process.emitWarning(text, { type: "attune" });

const named = (adapters: LoadModelOptions["adapters"] = {}) =>
  typeof adapters === "string" ? { adapter: adapters } : adapters;
