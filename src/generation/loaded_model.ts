import type { Adapter } from "../adapters/adapter.ts";
import type { TensorEntry } from "../files/safetensors.ts";
import type { Base } from "../pretrained/base_of.ts";
import { keepsTensors, type OpenSession, type SessionOptions } from "../runtime/session.ts";
import type { Template } from "../templates/template.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { openDecodingSession, openStackedSession } from "./decoder.ts";
import type { EncodePrompt } from "./encode_prompt.ts";
import { explainNotANumber } from "./explain_not_a_number.ts";
import { explainedTalk } from "./explained_talk.ts";
import { readGenerationSettings } from "./generation_config.ts";
import { once } from "./once.ts";
import { eosTokens } from "./stop_tokens.ts";
import { createTalk, type Talk } from "./talk.ts";
import { type AdapterChoice, createVariants } from "./variants.ts";

/** A model ready to talk. */
/** @typeParam From where an adapter comes from: a directory, or its files */
export interface LoadedModel<From = string> extends Talk {
  readonly tokenizer: Tokenizer;
  /** What writes conversations. @throws AttuneError when the model has none that works. */
  template(): Promise<Template>;
  /** Logits [tokens, vocabulary] of what comes after each of `tokens`. */
  logits(tokens: readonly number[]): Promise<Float32Array>;
  /** Reads another adapter; `useAdapter` puts it to use. */
  addAdapter(name: string, from: From): Promise<void>;
  /** Forgets an adapter; answers under way go on. @throws AttuneError when there is none of this name. */
  removeAdapter(name: string): void;
  /**
   * From now on answers come from the adapter of this name; from several, `{ a: 0.7, b: 0.3 }`, whose terms add up, weighed;
   * from the base alone when null.
   */
  useAdapter(choice: AdapterChoice): void;
  /** Frees the model; nothing can be asked of it afterwards. */
  release(): Promise<void>;
}

export interface LoadedModelParts<From> {
  base: Base;
  /** Asked for when a conversation comes. */
  template: () => Promise<Template>;
  /** By name; the first is in use. */
  adapters: Readonly<Record<string, From>>;
  /** Reads an adapter and checks that it is meant for this base. */
  readAdapter: (from: From) => Promise<Adapter>;
  openSession: OpenSession;
  session: SessionOptions;
  /** Tokenizes the prompts of single answers, and is closed with the model; here and at once when left out. */
  prompts?: { encode: EncodePrompt; close(): Promise<void> };
  /** What graphs read, where that isn't what the base's files hold. */
  tensors?: ReadonlyMap<string, TensorEntry>;
  /** Gets what the model's files ask for and has no effect here. */
  onWarning: (text: string) => void;
}

/**
 * A base ready to talk, and adapters on it, which share its weights.
 * @throws AttuneError that names the file or setting at fault.
 */
export async function openLoadedModel<From>({
  base,
  template: openTemplate,
  adapters,
  readAdapter,
  openSession,
  session,
  onWarning,
  ...parts
}: LoadedModelParts<From>): Promise<LoadedModel<From>> {
  const { directory, model, tokenizer } = base;
  const { tensors } = directory;
  const eos = eosTokens(directory, tokenizer);
  const settings = readGenerationSettings(directory, model.dimensions.vocabSize);
  for (const note of settings.notes) onWarning(`${settings.file}: ${note}`);
  const weights = parts.tensors ?? tensors;
  const variants = createVariants(model, {
    open: (adapter) => openDecodingSession(model, weights, openSession, session, adapter),
    ...(!keepsTensors(session.device) && {
      openStacked: (shapes) => openStackedSession(model, weights, openSession, session, shapes),
    }),
  });
  const addAdapter = async (name: string, from: From) => variants.add(name, await readAdapter(from));
  for (const [name, from] of Object.entries(adapters)) await addAdapter(name, from);
  variants.use(Object.keys(adapters)[0] ?? null);
  await variants.current(); // fails now if it can't be opened
  const template = once(openTemplate);
  const { prompts } = parts;
  const talk = createTalk({
    ...{ tokenizer, template, eos, settings },
    encode: prompts?.encode,
    variant: variants.current,
  });
  return {
    ...explainedTalk(talk, () => explainNotANumber(tensors)),
    tokenizer,
    template,
    logits: async (tokens) => (await variants.current()).decoder.score(tokens),
    addAdapter,
    removeAdapter: variants.remove,
    useAdapter: variants.use,
    async release() {
      await Promise.all([variants.release(), prompts?.close()]);
    },
  };
}
