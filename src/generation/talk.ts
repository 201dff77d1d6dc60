import type { Message, Tool } from "../templates/message.ts";
import type { Template } from "../templates/template.ts";
import { AttuneError } from "../text/errors.ts";
import { refuseMedia } from "../tokenizers/media_tokens.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { type Completion, collectText, type TextOptions } from "./completion.ts";
import { type EncodePrompt, encodePrompt } from "./encode_prompt.ts";
import { fitConversation } from "./fit_conversation.ts";
import {
  type FinishReason,
  type GenerateOptions,
  generate,
  type OnPrompt,
  type OnToken,
} from "./generate.ts";
import { generateBatch } from "./generate_batch.ts";
import type { GenerationSettings } from "./generation_config.ts";
import { renderPrompt } from "./render_prompt.ts";
import { resolveSampling } from "./resolve_sampling.ts";
import type { Sampling } from "./sample.ts";
import { endOfTurn } from "./stop_tokens.ts";
import { cutAtStop, splitStops, stopWatches } from "./stop_watch.ts";
import { type EndTokens, type TokenRule, tokenRules } from "./token_rules.ts";
import type { AdapterChoice, Variant } from "./variants.ts";

/** What is left out is as the model's generation_config.json says; greedy where it doesn't ask for sampling. */
export interface AnswerOptions extends Partial<Sampling>, TextOptions {
  /** New tokens at most; 512 when the model's files don't say either. */
  maxTokens?: number;
  /** The same seed gives the same answer. Another one each time when left out. */
  seed?: number;
  signal?: AbortSignal;
  /** Further rules for the scores of the next token, after those of the model's files. */
  rules?: (ends: EndTokens) => readonly TokenRule[];
  onToken?: OnToken;
  onPrompt?: OnPrompt;
  /** Who answers this time, whatever is in use: an adapter, several by what each counts for, or, null, the base. */
  adapter?: AdapterChoice;
}

/** What one can say of a conversation. */
export interface ChatOptions extends AnswerOptions {
  /** Functions that the assistant may call, as OpenAI's `tools`. A call comes as text, as the model writes it. */
  tools?: readonly Tool[];
  /** Variables of the chat template, such as `{ enable_thinking: false }`. */
  chatTemplateKwargs?: Readonly<Record<string, unknown>>;
  /**
   * A conversation that leaves no room for an answer loses its oldest turns, never the system message: is called with the
   * number of messages that were left out. Without it such a conversation is an error.
   */
  onDroppedTurns?: (messages: number) => void;
}

type BatchTalkOptions = Pick<ChatOptions, "maxTokens" | "signal" | "adapter">;

/** What one can ask of a model. Calls may overlap: they are computed side by side. All throw AttuneError, and a signal's reason. */
export interface Talk {
  /** The answer to a conversation, written as the template writes it. */
  chat(messages: readonly Message[], options?: ChatOptions): Promise<Completion>;
  /** The likeliest answers to many conversations, side by side: many times faster than one by one. */
  chatBatch(
    conversations: readonly (readonly Message[])[],
    options?: BatchTalkOptions & Pick<ChatOptions, "tools" | "chatTemplateKwargs">,
  ): Promise<Completion[]>;
  /** The likeliest texts that follow many prompts, side by side: no template, but the BOS that the tokenizer puts before a text. */
  completeBatch(prompts: readonly string[], options?: BatchTalkOptions): Promise<Completion[]>;
  /** What follows `prompt`: no template, but the BOS that the tokenizer puts before a text. Tokens are taken as they are. */
  complete(prompt: string | readonly number[], options?: AnswerOptions): Promise<Completion>;
  /** The tokens that `complete` reads of a text. */
  readPrompt(prompt: string, options?: Pick<AnswerOptions, "adapter">): Promise<number[]>;
  /** The tokens that follow `prompt`, one by one; returns why they end. */
  generate(prompt: readonly number[], options?: AnswerOptions): AsyncGenerator<number, FinishReason>;
}

export interface TalkParts {
  tokenizer: Tokenizer;
  /** Tokenizes the prompts of single answers; here and at once when left out. */
  encode?: EncodePrompt;
  /** Asked for when a conversation comes: who only completes text needs none. */
  template: () => Promise<Template>;
  /** Tokens that end any answer. */
  eos: ReadonlySet<number>;
  settings: GenerationSettings;
  /** Who answers; whoever is in use now, when left out. */
  variant: (choice?: AdapterChoice) => Promise<Variant>;
}

const DEFAULT_MAX_TOKENS = 512;

export function createTalk({ tokenizer, template, eos, settings, variant: find, ...parts }: TalkParts): Talk {
  const { encode = (...asked) => encodePrompt(tokenizer, ...asked) } = parts;
  const variant = (choice?: AdapterChoice) => held(find(choice));
  /** What ends an answer and what it may hold, for all its tokens. */
  const bounds = (stopIds: ReadonlySet<number>, { stop, rules: more, ...wanted }: AnswerOptions) => {
    const stops = splitStops(stop ?? settings.stopStrings, tokenizer);
    const ends = new Set([...stopIds, ...stops.ids]);
    const sampling = resolveSampling(settings, wanted);
    const { repetitionPenalty } = sampling;
    const eosIds = settings.eosIds.size > 0 ? settings.eosIds : ends;
    const endTokens = { stopIds: ends, eosIds };
    const own = tokenRules({ ...settings.rules, repetitionPenalty }, endTokens);
    const rules = more ? [...own, ...more(endTokens)] : own;
    return { stopIds: ends, stops: stops.strings, sampling, rules, maxTime: settings.maxTime };
  };
  const longest = (promptLength: number, wanted?: number) => longestAnswer(settings, promptLength, wanted);

  const generateTo = (
    answering: Promise<Variant>,
    prompt: readonly number[],
    { maxTokens, seed = Math.floor(Math.random() * 2 ** 32), signal, onToken, onPrompt }: AnswerOptions,
    bound: ReturnType<typeof bounds>,
  ) =>
    generateOn(answering, prompt, {
      ...bound,
      maxTokens: longest(prompt.length, maxTokens),
      seed,
      signal,
      onToken,
      onPrompt,
    });
  const answerTo = async (
    answering: Promise<Variant>,
    prompt: readonly number[],
    stopIds: ReadonlySet<number>,
    options: AnswerOptions,
  ): Promise<Completion> => {
    const bound = bounds(stopIds, options);
    const tokens = generateTo(answering, prompt, options, bound);
    const text = { stop: bound.stops, onText: options.onText };
    return { ...(await collectText(tokens, tokenizer, bound.stopIds, text)), promptTokens: prompt.length };
  };
  const batchTo = async (
    answering: Promise<Variant>,
    prompts: readonly number[][],
    stopIds: ReadonlySet<number>,
    { maxTokens, signal }: BatchTalkOptions,
  ): Promise<Completion[]> => {
    const bound = bounds(stopIds, { temperature: 0 });
    const answers = await generateBatch((await answering).decoder, prompts, {
      ...bound,
      maxTokens: (promptLength) => longest(promptLength, maxTokens),
      stopWatch: stopWatches(tokenizer, bound.stops),
      signal,
    });
    return answers.map(({ ids, finishReason }, i) => {
      const spoken = ids.filter((id) => !bound.stopIds.has(id));
      const text = cutAtStop(tokenizer.decode(spoken, { skipSpecialTokens: true }), bound.stops);
      return { text, ids, finishReason, promptTokens: prompts[i]!.length };
    });
  };
  const read = async (text: string, addBos: boolean | undefined, answering: Promise<Variant>) =>
    encode(text, { addBos }, (await answering).decoder.dimensions.maxPositions);
  const tokensOf = async (prompt: string | readonly number[], answering: Promise<Variant>) => {
    if (typeof prompt === "string") return read(prompt, true, answering);
    refuseMedia(prompt, tokenizer);
    return prompt;
  };
  const stopsOf = (messages: readonly Message[], written: Template, { chatTemplateKwargs }: ChatOptions) => {
    const own = endOfTurn({ messages, variables: chatTemplateKwargs }, written, tokenizer);
    return own === undefined ? eos : new Set([...eos, own]);
  };

  return {
    async chat(messages, options = {}) {
      const answering = variant(options.adapter); // before another is put to use
      const written = await template();
      const textOf = (some: readonly Message[]) => renderPrompt(some, written, options);
      const { onDroppedTurns, maxTokens } = options;
      if (!onDroppedTurns) {
        const prompt = await read(textOf(messages), written.addsBos, answering);
        return answerTo(answering, prompt, stopsOf(messages, written, options), options);
      }
      const promptOf = (some: readonly Message[]) =>
        tokenizer.encode(textOf(some), { addBos: written.addsBos }).ids;
      const { dimensions } = (await answering).decoder;
      const room = roomFor(settings, dimensions.maxPositions, maxTokens);
      const { prompt, dropped } = fitConversation(messages, promptOf, room);
      if (dropped > 0) onDroppedTurns(dropped);
      return answerTo(answering, prompt, stopsOf(messages, written, options), options);
    },
    async complete(prompt, options = {}) {
      const answering = variant(options.adapter);
      return answerTo(answering, await tokensOf(prompt, answering), eos, options);
    },
    readPrompt: (prompt, { adapter } = {}) => read(prompt, true, variant(adapter)),
    generate(prompt, options = {}) {
      const bound = bounds(eos, options);
      const tokens = generateTo(variant(options.adapter), prompt, options, bound);
      return stopAt(tokens, stopWatches(tokenizer, bound.stops)());
    },
    async chatBatch(conversations, options = {}) {
      const [answering, written] = [variant(options.adapter), await template()];
      const texts = conversations.map((messages) => renderPrompt(messages, written, options));
      if (texts.length === 0) return [];
      const prompts = texts.map((text) => tokenizer.encode(text, { addBos: written.addsBos }).ids);
      return batchTo(answering, prompts, stopsOf(conversations[0]!, written, options), options);
    },
    async completeBatch(texts, options = {}) {
      const prompts = texts.map((text) => tokenizer.encode(text, { addBos: true }).ids);
      return batchTo(variant(options.adapter), prompts, eos, options);
    },
  };
}

/** A promise that is looked at later: its failure is no unhandled one until then. */
function held<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** New tokens at most: as `wanted`, else as the model's files say; there `max_new_tokens` wins over `max_length`. */
function longestAnswer(
  { file, maxNewTokens, maxLength }: GenerationSettings,
  promptLength: number,
  wanted?: number,
): number {
  const given = wanted ?? maxNewTokens;
  if (given !== undefined || maxLength === undefined) return given ?? DEFAULT_MAX_TOKENS;
  if (promptLength < maxLength) return maxLength - promptLength;
  throw new AttuneError({
    code: "generation.max-length",
    place: `${file}: max_length`,
    problem: `prompt and answer may have ${maxLength} tokens together, and the prompt has ${promptLength}`,
    wayOut: "Give the longest answer yourself (maxTokens, --max-tokens), or correct it there",
  });
}

/** Room for an answer of its full length, but no more than a quarter of the context: then the past counts for more. */
function roomFor(settings: GenerationSettings, maxPositions = Number.POSITIVE_INFINITY, wanted?: number) {
  const given = wanted ?? settings.maxNewTokens;
  const limit = given === undefined ? (settings.maxLength ?? maxPositions) : maxPositions;
  const context = Math.min(limit, maxPositions);
  return { context, answer: Math.min(given ?? DEFAULT_MAX_TOKENS, Math.floor(context / 4)) };
}

/** Generates with a reader of the variant's: the next turn of a conversation goes on where this one ends. */
async function* generateOn(
  variant: Promise<Variant>,
  prompt: readonly number[],
  options: GenerateOptions,
): AsyncGenerator<number, FinishReason> {
  const { decoder, readers } = await variant;
  const reader = await readers.take(prompt);
  try {
    return yield* generate(reader, decoder.dimensions, prompt, options);
  } finally {
    await readers.leave(reader);
  }
}

/** Ends with the token that completes a stop string. */
async function* stopAt(
  tokens: AsyncGenerator<number, FinishReason>,
  isStop: (id: number) => boolean,
): AsyncGenerator<number, FinishReason> {
  try {
    for (let next = await tokens.next(); ; next = await tokens.next()) {
      if (next.done) return next.value;
      yield next.value;
      if (isStop(next.value)) return "stop";
    }
  } finally {
    await tokens.return("stop");
  }
}
