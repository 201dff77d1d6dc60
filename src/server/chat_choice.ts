import type { ChatOptions } from "../generation/talk.ts";
import type { ToolCall } from "../templates/message.ts";
import { callWriting } from "../templates/written_calls.ts";
import { answerReader } from "./answer_reader.ts";
import { aboutPrompt } from "./api_error.ts";
import { type ChatRequest, conversationOf } from "./chat_request.ts";
import { callRule, forcedFunctions, PLAIN_CALL } from "./forced_call.ts";
import { newId } from "./new_id.ts";
import { formatRule, withRule } from "./response_format.ts";
import { answerOptions, requireKnownBiases } from "./sampling_schema.ts";
import type { ServedModel } from "./served_models.ts";
import { type ScoredToken, scoreToken } from "./token_logprobs.ts";
import type { Usage } from "./usage.ts";

/** One answer of those asked for. */
export interface Choice {
  content: string;
  calls: ToolCall[];
  scored?: ScoredToken[];
  finishReason: "stop" | "length" | "tool_calls";
  usage: Usage;
}

/** Gets a piece of the answer's text, and its tokens' log-probabilities where they are asked for. */
export type OnPiece = (text: string, scored: ScoredToken[]) => void;

export type Choose = (index: number, signal: AbortSignal, onPiece: OnPiece) => Promise<Choice>;

/**
 * What computes the answers to a request, one at a time.
 * @param param where the request has the conversation
 */
export async function chooser(
  asked: ChatRequest,
  { speaker, adapter, ...served }: ServedModel,
  param = "messages",
): Promise<Choose> {
  const { messages, tools } = conversationOf(asked);
  const { max_completion_tokens, max_tokens } = asked;
  const chatTemplateKwargs = { ...served.chatTemplateKwargs, ...asked.chat_template_kwargs };
  const { tokenizer } = speaker;
  requireKnownBiases(asked, tokenizer);
  const template = tools && (await speaker.template());
  const forced = forcedFunctions(asked);
  const known = template && callWriting(template, { tools, variables: chatTemplateKwargs });
  const writing = known ?? (forced && PLAIN_CALL);
  const options: ChatOptions = {
    adapter,
    tools,
    chatTemplateKwargs,
    maxTokens: max_completion_tokens ?? max_tokens,
  };
  const format = formatRule(asked, tokenizer);
  const rule = forced ? callRule(forced, writing!, tokenizer) : format;
  return async (index, signal, onPiece) => {
    const reader = writing && answerReader(tokenizer, writing, asked.stop ?? []);
    const scored: ScoredToken[] = [];
    let told = 0;
    const tell = (text: string) => {
      if (text === "") return;
      onPiece(text, scored.slice(told));
      told = scored.length;
    };
    const asking = speaker.chat(messages, {
      ...options,
      ...withRule(answerOptions(asked, index), rule),
      signal,
      onText: reader ? undefined : tell,
      onToken(id, logits, { isEnd }) {
        if (isEnd) return;
        if (asked.logprobs) scored.push(scoreToken(id, logits, asked.top_logprobs ?? 0));
        if (reader) tell(reader.push(id));
      },
    });
    const answer = await aboutPrompt(param, asking);
    const { content, calls: all, rest } = reader?.finish() ?? { content: answer.text, calls: [], rest: "" };
    const calls = asked.parallel_tool_calls ? all : all.slice(0, 1);
    tell(rest);
    if (told < scored.length) onPiece("", scored.slice(told));
    return {
      content,
      calls: calls.map((call) => ({ ...call, id: newId("call", "_") })),
      ...(asked.logprobs && { scored }),
      finishReason: calls.length > 0 ? "tool_calls" : answer.finishReason,
      usage: { prompt: answer.promptTokens, completion: answer.ids.length },
    };
  };
}
