import type { Message } from "../templates/message.ts";
import type { Template } from "../templates/template.ts";
import { AttuneError } from "../text/errors.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { type Completion, collectText, type TextOptions } from "./completion.ts";
import { type FinishReason, type GenerateOptions, generate } from "./generate.ts";
import { generateBatch } from "./generate_batch.ts";
import type { Sampling } from "./sample.ts";
import { sequenceReader } from "./sequence_reader.ts";
import { endOfTurn } from "./stop_tokens.ts";
import type { AdapterChoice, Variant } from "./variants.ts";

/** Sampling that is left out is as the model's generation_config.json says; greedy where it says nothing. */
export interface AnswerOptions extends Partial<Sampling>, TextOptions {
  /** New tokens at most; 512 when left out. */
  maxTokens?: number;
  /** The same seed gives the same answer. Another one each time when left out. */
  seed?: number;
  signal?: AbortSignal;
  /** Who answers this time, whatever is in use: an adapter, several by what each counts for, or, null, the base. */
  adapter?: AdapterChoice;
}

/** What one can ask of a model. Calls may overlap: they take turns. All throw AttuneError, and a signal's reason. */
export interface Talk {
  /** The answer to a conversation, written as the template writes it. */
  chat(messages: readonly Message[], options?: AnswerOptions): Promise<Completion>;
  /** The likeliest answers to many conversations, side by side: many times faster than one by one. */
  chatBatch(
    conversations: readonly (readonly Message[])[],
    options?: Pick<AnswerOptions, "maxTokens" | "signal" | "adapter">,
  ): Promise<Completion[]>;
  /** What follows `prompt`: no template, but the BOS that the tokenizer puts before a text. */
  complete(prompt: string, options?: AnswerOptions): Promise<Completion>;
  /** The tokens that follow `prompt`, one by one; returns why they end. */
  generate(prompt: readonly number[], options?: AnswerOptions): AsyncGenerator<number, FinishReason>;
}

export interface TalkParts {
  tokenizer: Tokenizer;
  /** Asked for when a conversation comes: who only completes text needs none. */
  template: () => Promise<Template>;
  /** Tokens that end any answer. */
  eos: ReadonlySet<number>;
  sampling: (wanted: Partial<Sampling>) => Sampling;
  /** Who answers; whoever is in use now, when left out. */
  variant: (choice?: AdapterChoice) => Promise<Variant>;
}

const DEFAULT_MAX_TOKENS = 512;

export function createTalk({ tokenizer, template, eos, sampling, variant }: TalkParts): Talk {
  const generateTo = (
    answering: Promise<Variant>,
    prompt: readonly number[],
    stopIds: ReadonlySet<number>,
    options: AnswerOptions,
  ) =>
    generateOn(answering, prompt, {
      stopIds,
      sampling: sampling(options),
      maxTokens: options.maxTokens ?? DEFAULT_MAX_TOKENS,
      seed: options.seed ?? Math.floor(Math.random() * 2 ** 32),
      signal: options.signal,
    });
  const answerTo = async (
    answering: Promise<Variant>,
    { text, addBos }: { text: string; addBos?: boolean },
    stopIds: ReadonlySet<number>,
    options: AnswerOptions,
  ): Promise<Completion> => {
    const { ids: prompt } = tokenizer.encode(text, { addBos });
    const tokens = generateTo(answering, prompt, stopIds, options);
    return { ...(await collectText(tokens, tokenizer, stopIds, options)), promptTokens: prompt.length };
  };
  const stopsOf = (messages: readonly Message[], written: Template) => {
    const own = endOfTurn(messages, written, tokenizer);
    return own === undefined ? eos : new Set([...eos, own]);
  };
  return {
    async chat(messages, options = {}) {
      const answering = variant(options.adapter); // before another is put to use
      const written = await template();
      const prompt = { text: renderPrompt(messages, written), addBos: written.addsBos };
      return answerTo(answering, prompt, stopsOf(messages, written), options);
    },
    complete: (text, options = {}) =>
      answerTo(variant(options.adapter), { text, addBos: true }, eos, options),
    generate: (prompt, options = {}) => generateTo(variant(options.adapter), prompt, eos, options),
    async chatBatch(conversations, { maxTokens = DEFAULT_MAX_TOKENS, signal, adapter } = {}) {
      const [answering, written] = [variant(adapter), await template()];
      const texts = conversations.map((messages) => renderPrompt(messages, written));
      if (texts.length === 0) return [];
      const prompts = texts.map((text) => tokenizer.encode(text, { addBos: written.addsBos }).ids);
      const stopIds = stopsOf(conversations[0]!, written);
      const answers = await generateBatch((await answering).decoder, prompts, { maxTokens, stopIds, signal });
      return answers.map(({ ids, finishReason }, i) => {
        const spoken = ids.filter((id) => !stopIds.has(id));
        const text = tokenizer.decode(spoken, { skipSpecialTokens: true });
        return { text, ids, finishReason, promptTokens: prompts[i]!.length };
      });
    },
  };
}

/** Generates with the variant's idle reader: the next turn of a conversation goes on where this one ends. */
async function* generateOn(
  variant: Promise<Variant>,
  prompt: readonly number[],
  options: GenerateOptions,
): AsyncGenerator<number, FinishReason> {
  const opened = await variant;
  const { decoder, idle: reader = sequenceReader(decoder) } = opened;
  opened.idle = undefined;
  try {
    return yield* generate(reader, decoder.dimensions, prompt, options);
  } finally {
    opened.idle = reader;
  }
}

function renderPrompt(messages: readonly Message[], { render }: Template): string {
  const last = messages.at(-1);
  if (last === undefined || last.role === "assistant")
    throw new AttuneError(
      `the conversation must end with a message to answer; ${last ? "its last is the assistant's" : "it is empty"}`,
    );
  return render({ messages }, { addGenerationPrompt: true });
}
