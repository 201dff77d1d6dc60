import { type Decoder, sequenceOf } from "./decoder.ts";
import { checkPrompt, type FinishReason } from "./generate.ts";
import { likeliest } from "./sample.ts";

export interface BatchOptions {
  /** New tokens at most, for each prompt. */
  maxTokens: number;
  /** Tokens that end an answer, themselves included. */
  stopIds: ReadonlySet<number>;
  signal?: AbortSignal;
}

export interface BatchAnswer {
  /** New tokens, a stop token included. */
  ids: number[];
  finishReason: FinishReason;
}

/** An answer being computed, and its number in the cache. */
interface Live {
  sequence: number;
  prompt: readonly number[];
  answer: BatchAnswer;
}

/** Answers computed side by side: more cost as much, in looking past each other's keys, as they save. */
const WIDTH = 16;
/** Tokens of prompts read in one pass, for the same reason. */
const PASS_TOKENS = 256;

/**
 * The likeliest answers to many prompts, side by side: the same as one by one, but for rounding. Prompts are read several
 * to a pass, each seeing only itself; then a pass reads one token of every live answer.
 * @throws AttuneError when a prompt is empty or longer than the model was made for; the signal's reason when aborted.
 */
export async function generateBatch(
  decoder: Decoder,
  prompts: readonly (readonly number[])[],
  { maxTokens, stopIds, signal }: BatchOptions,
): Promise<BatchAnswer[]> {
  const { vocabSize: V, maxPositions = Number.POSITIVE_INFINITY } = decoder.dimensions;
  for (const prompt of prompts) checkPrompt(prompt, maxPositions);
  const answers = prompts.map((): BatchAnswer => ({ ids: [], finishReason: "length" }));
  const cache = decoder.newCache();
  let live: Live[] = [];
  let [held, admitted] = [0, 0]; // sequences in the cache; prompts whose turn has come

  /** Gives each of `read` its next token, the likeliest of its logits [read, V]; those that go on. */
  const advance = (read: readonly Live[], logits: Float32Array) =>
    read.filter(({ prompt, answer }, i) => {
      const id = likeliest(logits.subarray(i * V, (i + 1) * V));
      answer.ids.push(id);
      if (stopIds.has(id)) answer.finishReason = "stop";
      return !stopIds.has(id) && answer.ids.length < Math.min(maxTokens, maxPositions - prompt.length);
    });
  const admit = () => {
    const taken = new Set(live.map(({ sequence }) => sequence));
    const free = Array.from({ length: WIDTH }, (_, sequence) => sequence).filter((s) => !taken.has(s));
    const places = free
      .slice(0, prompts.length - admitted)
      .map((sequence, i) => ({ sequence, i: admitted + i }));
    admitted += places.length;
    return places.map(({ sequence, i }) => ({ sequence, prompt: prompts[i]!, answer: answers[i]! }));
  };
  const forgetFinished = () => {
    const sequences = new Set(live.map(({ sequence }) => sequence));
    cache.keep((index) => sequences.has(sequenceOf(index)));
  };
  const readPrompts = async (group: readonly Live[]) => {
    const own = decoder.newCache();
    const pieces = group.map(({ sequence, prompt }) => ({ sequence, start: 0, tokens: prompt }));
    const going = advance(group, await decoder.read(own, pieces));
    cache.append(own);
    return going;
  };
  const step = async () => {
    const pieces = live.map(({ sequence, prompt, answer: { ids } }) => ({
      sequence,
      start: prompt.length + ids.length - 1,
      tokens: ids.slice(-1),
    }));
    return advance(live, await decoder.read(cache, pieces));
  };

  while (maxTokens > 0 && (live.length > 0 || admitted < prompts.length)) {
    signal?.throwIfAborted();
    if (live.length > held / 2) live = await step();
    else {
      forgetFinished();
      for (const group of passes(admit())) live = [...live, ...(await readPrompts(group))];
      held = live.length;
    }
  }
  return answers;
}

/** Splits `prompts` into passes of at most PASS_TOKENS tokens, or of one longer prompt. */
function passes(prompts: readonly Live[]): Live[][] {
  const groups: Live[][] = [];
  let room = 0;
  for (const one of prompts) {
    room -= one.prompt.length;
    if (groups.length === 0 || room < 0) {
      groups.push([]);
      room = PASS_TOKENS - one.prompt.length;
    }
    groups.at(-1)!.push(one);
  }
  return groups;
}
