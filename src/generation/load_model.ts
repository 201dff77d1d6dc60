import { readAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { findAdapterDirectory } from "../adapters/peft/find_adapter.ts";
import type { TensorEntry } from "../files/safetensors.ts";
import { openBase, openTemplate } from "../pretrained/base.ts";
import { quantizedBase } from "../pretrained/quantized_base.ts";
import { requireSameBase } from "../pretrained/same_base.ts";
import type { QuantizationSettings } from "../quantization/quantization_schema.ts";
import type { OnWeight } from "../quantization/quantize_tensors.ts";
import { openSession } from "../runtime/node.ts";
import type { Device } from "../runtime/session.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { openDecodingSession } from "./decoder.ts";
import { explainNotANumber } from "./explain_not_a_number.ts";
import { explainedTalk } from "./explained_talk.ts";
import { readGenerationSettings } from "./generation_config.ts";
import { once } from "./once.ts";
import { eosTokens } from "./stop_tokens.ts";
import { createTalk, type Talk } from "./talk.ts";
import { type AdapterChoice, createVariants } from "./variants.ts";

export interface LoadModelOptions {
  /** A PEFT adapter directory, or a run's, or several by name. The first is in use. */
  adapters?: string | Readonly<Record<string, string>>;
  /** As in a recipe: "chat", the model's own where it has one, which is the default; "alpaca"; or a .jinja file. */
  template?: string;
  /** As in a recipe: keeps the base's linear layers quantized, as a run did that trained an adapter on it so. */
  quantization?: QuantizationSettings;
  /**
   * Gets what is odd and does not stop the work: what the model's files ask for and has no effect here, or an adapter made
   * for another copy of the model. Printed as a Node warning when left out.
   */
  onWarning?: (text: string) => void;
  /** Hears how many weights are quantized, where there are any. */
  onWeight?: OnWeight;
  /** "cpu" when left out. */
  device?: Device;
  /** Threads inside one op; all cores when left out. */
  threads?: number;
}

/** A model ready to talk. */
export interface LoadedModel extends Talk {
  readonly tokenizer: Tokenizer;
  /** Logits [tokens, vocabulary] of what comes after each of `tokens`. */
  logits(tokens: readonly number[]): Promise<Float32Array>;
  /** Reads another adapter directory; `useAdapter` puts it to use. */
  addAdapter(name: string, path: string): Promise<void>;
  /**
   * From now on answers come from the adapter of this name; from several, `{ a: 0.7, b: 0.3 }`, whose terms add up, weighed;
   * from the base alone when null.
   */
  useAdapter(choice: AdapterChoice): void;
  /** Frees the model; nothing can be asked of it afterwards. */
  release(): Promise<void>;
}

/**
 * Opens a model directory, and adapters on it, for generation. Adapters share the base's weights.
 * @throws AttuneError that names the file or setting at fault.
 */
export async function loadModel(path: string, options: LoadModelOptions = {}): Promise<LoadedModel> {
  const base = await quantizedBase(await openBase(path), options.quantization, {
    onWeight: options.onWeight,
  });
  const { directory, model, tokenizer } = base;
  const eos = eosTokens(directory, tokenizer);
  const settings = readGenerationSettings(directory, model.dimensions.vocabSize);
  const { onWarning = warn } = options;
  for (const note of settings.notes) onWarning(`${settings.file}: ${note}`);
  const template = once(() => openTemplate(base, { name: options.template }));
  if (options.template !== undefined) (await template()).choose?.(undefined); // a broken one is said now
  const session = sessionOptions(options, directory.tensors);
  const variants = createVariants(model, (adapter) =>
    openDecodingSession(model, directory.tensors, openSession, session, adapter),
  );
  const addAdapter = async (name: string, from: string) => {
    const found = await findAdapterDirectory(from);
    const adapter = await readAdapterDirectory(found);
    await requireSameBase(adapter.baseModel, found, directory, onWarning);
    variants.add(name, adapter);
  };

  const adapters = Object.entries(named(options.adapters));
  for (const [name, from] of adapters) await addAdapter(name, from);
  variants.use(adapters[0]?.[0] ?? null);
  await variants.current(); // what can't be opened is said now
  const talk = createTalk({ tokenizer, template, eos, settings, variant: variants.current });
  return {
    ...explainedTalk(talk, () => explainNotANumber(directory.tensors)),
    tokenizer,
    logits: async (tokens) => (await variants.current()).decoder.score(tokens),
    addAdapter,
    useAdapter: variants.use,
    release: variants.release,
  };
}

const warn = (text: string) => process.emitWarning(text, { type: "attune" });

const named = (adapters: LoadModelOptions["adapters"] = {}) =>
  typeof adapters === "string" ? { adapter: adapters } : adapters;

/** 16-bit weights are kept widened where memory allows: to widen them for each token takes longer than all else. */
function sessionOptions(
  { device = "cpu", threads }: LoadModelOptions,
  tensors: ReadonlyMap<string, TensorEntry>,
) {
  let widened = 0;
  for (const { dtype, byteLength } of tensors.values())
    if (dtype === "BF16" || dtype === "F16") widened += 2 * byteLength;
  return { device, threads, foldConstants: widened < process.availableMemory() / 2 };
}
