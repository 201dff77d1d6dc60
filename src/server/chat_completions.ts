import type { ToolCall } from "../templates/message.ts";
import { writeJson } from "../text/exact_json.ts";
import { type Choose, chooser } from "./chat_choice.ts";
import { type ChatRequest, ChatRequest as ChatRequestSchema } from "./chat_request.ts";
import { eventStream } from "./event_stream.ts";
import { newId, nowInSeconds } from "./new_id.ts";
import { parameterError, readBody } from "./read_body.ts";
import type { ServerState } from "./server_state.ts";
import { sideBySide } from "./side_by_side.ts";
import { chatLogprobs, type ScoredToken } from "./token_logprobs.ts";
import { addUsage, type Usage } from "./usage.ts";

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

type Head = Readonly<Record<"id" | "model" | "object", string> & { created: number }>;

async function whole(
  request: Request,
  asked: ChatRequest,
  head: Head,
  choose: Choose,
  { queue, models }: ServerState,
): Promise<Response> {
  const { tokenizer } = models.find(asked.model).speaker;
  const answers = await queue.run(
    () => sideBySide(indices(asked), request.signal, (i, _, signal) => choose(i, signal, () => {})),
    request.signal,
  );
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
      const answer = async (i: number, _: number, signal: AbortSignal): Promise<Usage> => {
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
        return usage;
      };
      const usages = await queue.run(() => sideBySide(indices(asked), signal, answer), signal);
      if (counts) send({ ...head, choices: [], usage: addUsage(usages) });
    },
    onError,
  );
}

const indices = ({ n }: ChatRequest) => [...Array(n).keys()];

const callObject = ({ id, name, arguments: args }: ToolCall) => ({
  id,
  type: "function",
  function: { name, arguments: writeJson(args as never) },
});
