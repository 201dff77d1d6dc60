import * as z from "zod";
import type { AnswerOptions } from "../generation/talk.ts";
import type { AnswerPlace, TokenRule } from "../generation/token_rules.ts";
import { parameterError } from "./read_body.ts";

/** What one can say of an answer, at every endpoint that makes one. */
export const samplingKeys = {
  model: z.string(),
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z.int().min(0).optional(),
  min_p: z.number().min(0).max(1).optional(),
  repetition_penalty: z.number().gt(0).max(100).optional(),
  frequency_penalty: z.number().min(-2).max(2).default(0),
  presence_penalty: z.number().min(-2).max(2).default(0),
  logit_bias: z.record(z.string().regex(/^\d{1,9}$/), z.number().min(-100).max(100)).default({}),
  seed: z.int().optional(),
  stop: oneOrMany(z.string().min(1), 64).optional(),
  n: z.int().min(1).max(16).default(1),
  stream: z.boolean().default(false),
  stream_options: z
    .strictObject({ include_usage: z.boolean().optional(), include_obfuscation: z.literal(false).optional() })
    .optional(),
  // They say who asks, or where else it may be kept: nothing of the answer.
  user: z.string().optional(),
  metadata: z.record(z.string(), z.unknown()).optional(),
  store: z.literal(false).optional(),
  service_tier: z.literal(["auto", "default"]).optional(),
  safety_identifier: z.string().optional(),
  prompt_cache_key: z.string().optional(),
  prompt_cache_retention: z.string().optional(),
};

/** A text or a list of them, as a list. */
export function oneOrMany<T extends z.ZodType>(item: T, most: number) {
  return z.preprocess((value) => (Array.isArray(value) ? value : [value]), z.array(item).max(most));
}

const Sampling = z.strictObject(samplingKeys);

/** The same in the words of `chat` and `complete`, for the answer number `choice`. */
export function answerOptions(asked: z.output<typeof Sampling>, choice: number): AnswerOptions {
  const { temperature, top_p, top_k, min_p, repetition_penalty, seed, stop } = asked;
  const rules = penalties(asked);
  return {
    temperature,
    topP: top_p,
    topK: top_k,
    minP: min_p,
    repetitionPenalty: repetition_penalty,
    stop,
    ...(seed !== undefined && { seed: (((seed + choice) % 2 ** 32) + 2 ** 32) % 2 ** 32 }),
    ...(rules.length > 0 && { rules: () => rules }),
  };
}

/** @throws ApiError when a bias is for a token that the model doesn't have. */
export function requireKnownBiases(
  { logit_bias }: Pick<z.output<typeof Sampling>, "logit_bias">,
  { vocabSize }: { vocabSize: number },
): void {
  const wrong = Object.keys(logit_bias).find((id) => Number(id) >= vocabSize);
  if (wrong === undefined) return;
  throw parameterError("logit_bias", "invalid_value", {
    message: `Invalid value for 'logit_bias': the token ${wrong} is none of the ${vocabSize} that the model has.`,
  });
}

/** OpenAI's penalties and biases are added to the logits; penalties look at the answer alone. */
function penalties({
  frequency_penalty: frequency,
  presence_penalty: presence,
  logit_bias: bias,
}: Pick<z.output<typeof Sampling>, "frequency_penalty" | "presence_penalty" | "logit_bias">): TokenRule[] {
  const biases = Object.entries(bias).map(([id, by]) => [Number(id), by] as const);
  const biased: TokenRule = (scores) => {
    for (const [id, by] of biases) if (id < scores.length) scores[id]! += by;
  };
  const penalized: TokenRule = (scores, at) => {
    for (const [id, count] of countsOf(at)) scores[id]! -= count * frequency + presence;
  };
  return [...(biases.length > 0 ? [biased] : []), ...(frequency !== 0 || presence !== 0 ? [penalized] : [])];
}

function countsOf({ tokens, promptLength }: AnswerPlace): Map<number, number> {
  const counts = new Map<number, number>();
  for (const id of tokens.slice(promptLength)) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}
