import * as z from "zod";
import type { Completion } from "../generation/completion.ts";
import { aboutPrompt } from "./api_error.ts";
import { eventStream } from "./event_stream.ts";
import { newId, nowInSeconds } from "./new_id.ts";
import { parameterError, readBody } from "./read_body.ts";
import { answerOptions, oneOrMany, requireKnownBiases, samplingKeys } from "./sampling_schema.ts";
import type { ServedModel } from "./served_models.ts";
import type { ServerState } from "./server_state.ts";
import { sideBySide } from "./side_by_side.ts";
import { type ScoredToken, scoreToken, type TextLogprobs, textLogprobs } from "./token_logprobs.ts";
import { addUsage, type Usage } from "./usage.ts";

const tokenIds = z.array(z.int().min(0)).min(1);
const PROMPTS = 128; // of one request

/** The body of a request for a completion. */
const CompletionRequest = z.strictObject({
  ...samplingKeys,
  prompt: z.union(
    [z.string(), tokenIds, z.array(z.string()).min(1).max(PROMPTS), z.array(tokenIds).min(1).max(PROMPTS)],
    `expected text, token ids, or a list of 1 to ${PROMPTS} of either`,
  ),
  max_tokens: z.int().min(0).default(16),
  echo: z.boolean().default(false),
  logprobs: z.int().min(0).max(5).optional(),
  best_of: z.int().optional(),
  stop: oneOrMany(z.string().min(1), 64).optional(),
});

type CompletionRequest = z.output<typeof CompletionRequest>;
type Prompt = string | readonly number[];

/** POST /v1/completions */
export async function completions(request: Request, state: ServerState): Promise<Response> {
  const asked = await readBody(request, CompletionRequest, state.bodyLimit);
  const served = state.models.find(asked.model);
  const prompts = promptsOf(asked);
  requireTokens(prompts, served);
  if ((asked.best_of ?? asked.n) !== asked.n)
    throw parameterError("best_of", "unsupported_parameter", {
      message: "'best_of' may only be what 'n' is: all answers are returned.",
    });
  requireKnownBiases(asked, served.speaker.tokenizer);
  const head = { id: newId("cmpl"), object: "text_completion", created: nowInSeconds(), model: served.id };
  const all = prompts.flatMap((prompt) => Array.from({ length: asked.n }, (_, i) => ({ prompt, choice: i })));
  const total = (usages: readonly Usage[]) => sumOfPrompts(usages, asked.n);

  if (!asked.stream) {
    const answer = ({ prompt, choice }: (typeof all)[number], _: number, signal: AbortSignal) =>
      complete(served, asked, prompt, choice, signal);
    const answers = await state.queue.run(() => sideBySide(all, request.signal, answer), request.signal);
    const choices = answers.map(({ text, logprobs, finish_reason }, index) => ({
      text,
      index,
      logprobs,
      finish_reason,
    }));
    return Response.json({ ...head, choices, usage: total(answers.map(({ usage }) => usage)) });
  }
  const counts = asked.stream_options?.include_usage === true;
  return eventStream(
    request,
    async (send, signal) => {
      const chunk = (index: number, text: string, logprobs: TextLogprobs | null, finish: string | null) =>
        send({
          ...head,
          choices: [{ text, index, logprobs, finish_reason: finish }],
          ...(counts && { usage: null }),
        });
      const answer = async ({ prompt, choice }: (typeof all)[number], index: number, signal: AbortSignal) => {
        const onPiece: OnPiece = (text, logprobs) => chunk(index, text, logprobs, null);
        const { usage, finish_reason } = await complete(served, asked, prompt, choice, signal, onPiece);
        chunk(index, "", null, finish_reason);
        return usage;
      };
      const usages = await state.queue.run(() => sideBySide(all, signal, answer), signal);
      if (counts) send({ ...head, choices: [], usage: total(usages) });
    },
    state.onError,
  );
}

/** Gets a piece of the text, and its tokens' log-probabilities where they are asked for. */
type OnPiece = (text: string, logprobs: TextLogprobs | null) => void;

interface Choice {
  text: string;
  logprobs: TextLogprobs | null;
  finish_reason: Completion["finishReason"];
  usage: Usage;
}

const complete = (...asked: Parameters<typeof completeOne>): Promise<Choice> =>
  aboutPrompt("prompt", completeOne(...asked));

async function completeOne(
  { speaker, adapter }: ServedModel,
  asked: CompletionRequest,
  prompt: Prompt,
  choice: number,
  signal: AbortSignal,
  onPiece: OnPiece = () => {},
): Promise<Choice> {
  const { tokenizer } = speaker;
  const { echo, logprobs: most, max_tokens } = asked;
  const ids = typeof prompt === "string" ? await speaker.readPrompt(prompt, { adapter }) : prompt;
  const echoed = echo ? (typeof prompt === "string" ? prompt : tokenizer.decode(prompt)) : "";
  const start = echo ? 0 : tokenizer.decode(ids).length;
  const scored: (ScoredToken | { id: number })[] = [];
  const score = (id: number, logits: Float32Array) => {
    if (most !== undefined) scored.push(scoreToken(id, logits, most));
  };
  const streamed = textLogprobs(tokenizer, start);
  let told = 0;
  const tell = (text: string) => {
    onPiece(text, most === undefined ? null : streamed(scored.slice(told)));
    told = scored.length;
  };
  const isPromptScored = echo && most !== undefined;
  let read = 0;
  const scorePrompt = (logits: Float32Array) => {
    read++;
    if (read < ids.length) score(ids[read]!, logits);
    else tell(echoed);
  };
  if (isPromptScored) scored.push({ id: ids[0]! });
  else if (echoed !== "") tell(echoed);
  const answer = await speaker.complete(ids, {
    adapter,
    ...answerOptions(asked, choice),
    maxTokens: max_tokens,
    signal,
    onText: tell,
    onToken: (id, logits, { isEnd }) => void (isEnd || score(id, logits)),
    onPrompt: isPromptScored ? scorePrompt : undefined,
  });
  if (told < scored.length) tell("");
  return {
    text: echoed + answer.text,
    logprobs: most === undefined ? null : textLogprobs(tokenizer, start)(scored),
    finish_reason: answer.finishReason,
    usage: { prompt: ids.length, completion: answer.ids.length },
  };
}

function promptsOf({ prompt }: CompletionRequest): Prompt[] {
  if (typeof prompt === "string") return [prompt];
  return typeof prompt[0] === "number" ? [prompt as number[]] : (prompt as Prompt[]);
}

function requireTokens(prompts: readonly Prompt[], { speaker, id: model }: ServedModel): void {
  const { vocabSize } = speaker.tokenizer;
  const wrong = prompts
    .flatMap((prompt) => (typeof prompt === "string" ? [] : prompt))
    .find((id) => id >= vocabSize);
  if (wrong === undefined) return;
  throw parameterError("prompt", "invalid_value", {
    message: `Invalid value for 'prompt': the token ${wrong} is none of the ${vocabSize} that '${model}' has.`,
  });
}

/** Each prompt counts once, however many answers it has. */
function sumOfPrompts(usages: readonly Usage[], n: number) {
  const firsts = usages.filter((_, i) => i % n === 0);
  const prompt = firsts.reduce((sum, one) => sum + one.prompt, 0);
  const { completion_tokens } = addUsage(usages);
  return { prompt_tokens: prompt, completion_tokens, total_tokens: prompt + completion_tokens };
}
