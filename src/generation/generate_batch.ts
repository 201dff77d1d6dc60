import { type Decoder, sequenceOf, spanOf } from "./decoder.ts";
import { checkPrompt, deadline, type FinishReason } from "./generate.ts";
import type { KvCache } from "./kv_cache.ts";
import { likeliest } from "./sample.ts";
import { applyRules, type TokenRule } from "./token_rules.ts";

export interface GenerateBatchOptions {
  /** New tokens at most, by the prompt's length. */
  maxTokens: (promptLength: number) => number;
  /** Seconds at most, for all of them. */
  maxTime?: number;
  /** Tokens that end an answer, themselves included. */
  stopIds: ReadonlySet<number>;
  rules: readonly TokenRule[];
  /** Of each answer: whether its text ends with this token. */
  stopWatch: () => (id: number) => boolean;
  signal?: AbortSignal;
}

export interface BatchAnswer {
  /** New tokens, a stop token included. */
  ids: number[];
  finishReason: FinishReason;
}

/** A prompt whose answer is to be computed, `most` tokens of it. */
interface Waiting {
  prompt: readonly number[];
  /** The prompt, and the answer so far. */
  tokens: number[];
  answer: BatchAnswer;
  most: number;
  isStop: (id: number) => boolean;
}

/** One that is being computed, and its number in the cache. */
interface Live extends Waiting {
  sequence: number;
}

/** Answers computed side by side: more cost as much, in looking past each other's keys, as they save. */
const WIDTH = 16;
/** Tokens of prompts read in one pass, for the same reason. */
const PASS_TOKENS = 256;
/** Tokens in common from which on reading them once saves more than the copies cost. */
const WORTH_SHARING = 8;

/**
 * The likeliest answers to many prompts, side by side: the same as one by one, but for rounding. What all prompts begin with
 * is read once. Their rest is read several to a pass, each seeing only itself; then a pass reads one token of every live
 * answer.
 * @throws AttuneError when a prompt is empty or longer than the model was made for; the signal's reason when aborted.
 */
export async function generateBatch(
  decoder: Decoder,
  prompts: readonly (readonly number[])[],
  options: GenerateBatchOptions,
): Promise<BatchAnswer[]> {
  const { maxPositions = Number.POSITIVE_INFINITY } = decoder.dimensions;
  for (const prompt of prompts) checkPrompt(prompt, maxPositions);
  const all = prompts.map((prompt): Waiting => {
    const most = Math.min(options.maxTokens(prompt.length), maxPositions - prompt.length);
    const answer: BatchAnswer = { ids: [], finishReason: "length" };
    return { prompt, tokens: [...prompt], answer, most, isStop: options.stopWatch() };
  });
  const isOver = deadline(options.maxTime);
  const waiting = all.filter(({ most }) => most > 0);
  const shared = await readShared(decoder, prompts);
  const cache = decoder.newCache();
  let live: Live[] = [];
  let held = 0; // sequences in the cache, finished ones included
  while ((live.length > 0 || waiting.length > 0) && !isOver()) {
    options.signal?.throwIfAborted();
    if (live.length > held / 2) {
      live = advance(live, await readNewest(decoder, cache, live), options);
    } else {
      forgetAllBut(live, cache);
      for (const group of passes(admit(waiting, live), shared.length))
        live.push(...advance(group, await readPrompts(decoder, cache, group, shared), options));
      held = live.length;
    }
  }
  return all.map(({ answer }) => answer);
}

/** Gives each of `read` its next token, the likeliest by its logits [read, V]; those that go on. */
function advance(
  read: readonly Live[],
  logits: Float32Array,
  { rules, stopIds }: Pick<GenerateBatchOptions, "rules" | "stopIds">,
): Live[] {
  const V = logits.length / read.length;
  return read.filter(({ answer, tokens, prompt, most, isStop }, i) => {
    const at = { tokens, promptLength: prompt.length, maxNewTokens: most };
    const id = likeliest(applyRules(logits.subarray(i * V, (i + 1) * V), rules, at));
    answer.ids.push(id);
    tokens.push(id);
    if (stopIds.has(id) || isStop(id)) answer.finishReason = "stop";
    return answer.finishReason !== "stop" && answer.ids.length < most;
  });
}

/** Reads each one's newest token, or all of one that has outgrown the model's short length: logits [live, V]. */
function readNewest(decoder: Decoder, cache: KvCache, live: readonly Live[]): Promise<Float32Array> {
  const { shortLength } = decoder.dimensions;
  const outgrown = new Set(live.filter(({ tokens }) => tokens.length - 1 === shortLength));
  if (outgrown.size > 0)
    forgetAllBut(
      live.filter((one) => !outgrown.has(one)),
      cache,
    );
  const pieces = live.map((one) => {
    const { sequence, tokens } = one;
    if (outgrown.has(one)) return { sequence, start: 0, tokens };
    return { sequence, start: tokens.length - 1, tokens: tokens.slice(-1) };
  });
  return decoder.read(cache, pieces);
}

/**
 * Reads what all prompts begin with, which is worth it for several that have some tokens in common; but the last token of a
 * prompt is its own: what follows is asked of it. One that outgrows the model's short length is read whole.
 */
async function readShared(decoder: Decoder, prompts: readonly (readonly number[])[]): Promise<KvCache> {
  const cache = decoder.newCache();
  const { shortLength = Number.POSITIVE_INFINITY } = decoder.dimensions;
  const [first = [], ...others] = prompts;
  if (others.length === 0 || prompts.some(({ length }) => length > shortLength)) return cache;
  const most = Math.min(...prompts.map(({ length }) => length)) - 1;
  let length = 0;
  while (length < most && others.every((prompt) => prompt[length] === first[length])) length++;
  if (length < WORTH_SHARING) return cache;
  for (let start = 0; start < length; start += PASS_TOKENS) {
    const tokens = first.slice(start, Math.min(length, start + PASS_TOKENS));
    await decoder.read(cache, [{ sequence: 0, start, tokens }]);
  }
  return cache;
}

/**
 * Reads the prompts of `group` without a look at what the cache holds: logits [group, V].
 * @param shared what all of them begin with, as sequence 0
 */
async function readPrompts(
  decoder: Decoder,
  cache: KvCache,
  group: readonly Live[],
  shared: KvCache,
): Promise<Float32Array> {
  const own = decoder.newCache();
  const start = shared.length;
  if (start > 0) for (const { sequence } of group) own.append(shared, spanOf(sequence));
  const pieces = group.map(({ sequence, prompt }) => ({ sequence, start, tokens: prompt.slice(start) }));
  const logits = await decoder.read(own, pieces);
  cache.append(own);
  return logits;
}

function forgetAllBut(live: readonly Live[], cache: KvCache): void {
  const sequences = new Set(live.map(({ sequence }) => sequence));
  cache.keep((index) => sequences.has(sequenceOf(index)));
}

/** Those of `waiting` there is room for beside `live`, under numbers that are free. */
function admit(waiting: Waiting[], live: readonly Live[]): Live[] {
  const taken = new Set(live.map(({ sequence }) => sequence));
  const free = Array.from({ length: WIDTH }, (_, number) => number).filter((number) => !taken.has(number));
  return waiting.splice(0, free.length).map((one, i) => ({ ...one, sequence: free[i]! }));
}

/** Splits `prompts` into passes of at most PASS_TOKENS tokens that are not read yet, or of one longer prompt. */
function passes(prompts: readonly Live[], read: number): Live[][] {
  const groups: Live[][] = [];
  let room = 0;
  for (const one of prompts) {
    const length = one.prompt.length - read;
    room -= length;
    if (groups.length === 0 || room < 0) {
      groups.push([]);
      room = PASS_TOKENS - length;
    }
    groups.at(-1)!.push(one);
  }
  return groups;
}
