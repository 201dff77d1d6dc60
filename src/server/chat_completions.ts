import type { ChatOptions } from "../generation/talk.ts";
import type { ToolCall } from "../templates/message.ts";
import { callWriting } from "../templates/written_calls.ts";
import { writeJson } from "../text/exact_json.ts";
import { answerReader } from "./answer_reader.ts";
import { type ChatRequest, ChatRequest as ChatRequestSchema, conversationOf } from "./chat_request.ts";
import { eventStream } from "./event_stream.ts";
import { newId, nowInSeconds } from "./new_id.ts";
import { parameterError, readBody } from "./read_body.ts";
import { formatRule, withRule } from "./response_format.ts";
import { answerOptions } from "./sampling_schema.ts";
import type { ServedModel } from "./served_models.ts";
import type { ServerState } from "./server_state.ts";
import { chatLogprobs, type ScoredToken, scoreToken } from "./token_logprobs.ts";
import { addUsage, type Usage } from "./usage.ts";

/** One answer of those asked for. */
interface Choice {
  content: string;
  calls: ToolCall[];
  scored?: ScoredToken[];
  finishReason: "stop" | "length" | "tool_calls";
  usage: Usage;
}

/** Gets a piece of the answer's text, and its tokens' log-probabilities where they are asked for. */
type OnPiece = (text: string, scored: ScoredToken[]) => void;

/** POST /v1/chat/completions */
export async function chatCompletions(request: Request, state: ServerState): Promise<Response> {
  const asked = await readBody(request, ChatRequestSchema, state.bodyLimit);
  const served = state.models.find(asked.model);
  if (asked.top_logprobs !== undefined && !asked.logprobs)
    throw parameterError("top_logprobs", "invalid_value", {
      message: "'top_logprobs' needs 'logprobs' to be true.",
    });
  const choose = await chooser(asked, served);
  const head = { id: newId("chatcmpl"), created: nowInSeconds(), model: served.id };
  return asked.stream
    ? streamed(request, asked, { ...head, object: "chat.completion.chunk" }, choose, state)
    : whole(request, asked, { ...head, object: "chat.completion" }, choose, state);
}

type Choose = (index: number, signal: AbortSignal, onPiece: OnPiece) => Promise<Choice>;

/** What computes the answers to a request, one at a time. */
async function chooser(asked: ChatRequest, { speaker, adapter, ...served }: ServedModel): Promise<Choose> {
  const { messages, tools } = conversationOf(asked);
  const { max_completion_tokens, max_tokens } = asked;
  const chatTemplateKwargs = { ...served.chatTemplateKwargs, ...asked.chat_template_kwargs };
  const { tokenizer } = speaker;
  const template = tools && (await speaker.template());
  const writing = template && callWriting(template, { tools, variables: chatTemplateKwargs });
  const options: ChatOptions = {
    adapter,
    tools,
    chatTemplateKwargs,
    maxTokens: max_completion_tokens ?? max_tokens,
  };
  const rule = formatRule(asked, tokenizer);
  return async (index, signal, onPiece) => {
    const reader = writing && answerReader(tokenizer, writing, asked.stop ?? []);
    const scored: ScoredToken[] = [];
    let told = 0;
    const tell = (text: string) => {
      if (text === "") return;
      onPiece(text, scored.slice(told));
      told = scored.length;
    };
    const answer = await speaker.chat(messages, {
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
    const { content, calls, rest } = reader?.finish() ?? { content: answer.text, calls: [], rest: "" };
    tell(rest);
    if (told < scored.length) onPiece("", scored.slice(told));
    return {
      content,
      calls: calls.map((call) => ({ ...call, id: newId("call") })),
      ...(asked.logprobs && { scored }),
      finishReason: calls.length > 0 ? "tool_calls" : answer.finishReason,
      usage: { prompt: answer.promptTokens, completion: answer.ids.length },
    };
  };
}

type Head = Readonly<Record<"id" | "model" | "object", string> & { created: number }>;

async function whole(
  request: Request,
  asked: ChatRequest,
  head: Head,
  choose: Choose,
  { queue, models }: ServerState,
): Promise<Response> {
  const { tokenizer } = models.find(asked.model).speaker;
  const answers = await queue.run(async () => {
    const all: Choice[] = [];
    for (let i = 0; i < asked.n; i++) all.push(await choose(i, request.signal, () => {}));
    return all;
  }, request.signal);
  const choices = answers.map(({ content, calls, scored, finishReason }, index) => ({
    index,
    message: {
      role: "assistant",
      content: content === "" && calls.length > 0 ? null : content,
      refusal: null,
      ...(calls.length > 0 && { tool_calls: calls.map(callObject) }),
    },
    logprobs: scored ? chatLogprobs(tokenizer, scored) : null,
    finish_reason: finishReason,
  }));
  return Response.json({ ...head, choices, usage: addUsage(answers.map(({ usage }) => usage)) });
}

function streamed(
  request: Request,
  asked: ChatRequest,
  head: Head,
  choose: Choose,
  { queue, models, onError }: ServerState,
): Promise<Response> {
  const { tokenizer } = models.find(asked.model).speaker;
  const counts = asked.stream_options?.include_usage === true;
  return eventStream(
    request,
    async (send, signal) => {
      const chunk = (index: number, delta: object, finish: string | null, scored?: ScoredToken[]) => {
        const logprobs = asked.logprobs && scored?.length ? chatLogprobs(tokenizer, scored) : null;
        const choices = [{ index, delta, logprobs, finish_reason: finish }];
        send({ ...head, choices, ...(counts && { usage: null }) });
      };
      const usages = await queue.run(async () => {
        const all: Usage[] = [];
        for (let i = 0; i < asked.n; i++) {
          let isOpen = false;
          const open = () => {
            if (!isOpen) chunk(i, { role: "assistant", content: "", refusal: null }, null);
            isOpen = true;
          };
          const { calls, finishReason, usage } = await choose(i, signal, (text, scored) => {
            open();
            chunk(i, { content: text }, null, scored);
          });
          open();
          for (const [index, call] of calls.entries())
            chunk(i, { tool_calls: [{ index, ...callObject(call) }] }, null);
          chunk(i, {}, finishReason);
          all.push(usage);
        }
        return all;
      }, signal);
      if (counts) send({ ...head, choices: [], usage: addUsage(usages) });
    },
    onError,
  );
}

const callObject = ({ id, name, arguments: args }: ToolCall) => ({
  id,
  type: "function",
  function: { name, arguments: writeJson(args as never) },
});
