import { once } from "../generation/once.ts";
import type { ToolCall } from "../templates/message.ts";
import { writeJson } from "../text/exact_json.ts";
import { type Choice, chooser } from "./chat_choice.ts";
import { eventStream } from "./event_stream.ts";
import { newId, nowInSeconds } from "./new_id.ts";
import { readBody } from "./read_body.ts";
import { chatRequestOf, ResponseRequest } from "./response_request.ts";
import type { ServerState } from "./server_state.ts";

type Item = { id: string; type: string; status: string } & Record<string, unknown>;

/** POST /v1/responses: nothing is kept, and what was said before comes along in `input`. */
export async function responses(request: Request, state: ServerState): Promise<Response> {
  const asked = await readBody(request, ResponseRequest, state.bodyLimit);
  const served = state.models.find(asked.model);
  const choose = await chooser(chatRequestOf(asked), served, "input");
  const head = headOf(asked, served.id);
  if (!asked.stream) {
    const choice = await state.queue.run(() => choose(0, request.signal, () => {}), request.signal);
    return Response.json(finished(head, itemsOf(choice), choice));
  }
  return eventStream(
    request,
    async (send, signal) => {
      let sequence_number = 0;
      const event = (type: string, about: object) =>
        send({ type, ...about, sequence_number: sequence_number++ } as { type: string });
      // With the first piece: what is refused before has a status of its own.
      const begin = once(() => {
        const response = { ...head, status: "in_progress", output: [] };
        event("response.created", { response });
        event("response.in_progress", { response });
      });
      const message = messageStream(event);
      const add = (piece: string) => {
        begin();
        message.add(piece);
      };
      const choice = await state.queue.run(() => choose(0, signal, add), signal);
      begin();
      const items = [...message.end(choice), ...choice.calls.map(callItem)];
      for (const [output_index, item] of items.entries())
        if (item.type === "function_call") sendCall(event, item, output_index);
      const response = finished(head, items, choice);
      event(response.status === "completed" ? "response.completed" : "response.incomplete", { response });
    },
    state.onError,
  );
}

function headOf(asked: ResponseRequest, model: string) {
  const { instructions, temperature, top_p, max_output_tokens, metadata, tools, tool_choice, text } = asked;
  const { parallel_tool_calls } = asked;
  return {
    id: newId("resp", "_"),
    object: "response",
    created_at: nowInSeconds(),
    model,
    error: null,
    incomplete_details: null,
    instructions: instructions ?? null,
    max_output_tokens: max_output_tokens ?? null,
    metadata: metadata ?? {},
    parallel_tool_calls,
    previous_response_id: null,
    reasoning: { effort: null, summary: null },
    store: false,
    temperature: temperature ?? null,
    text: { format: text?.format ?? { type: "text" } },
    tool_choice,
    tools: tools.map((tool) => ({
      ...tool,
      parameters: tool.parameters ?? null,
      strict: tool.strict ?? null,
    })),
    top_p: top_p ?? null,
    truncation: "disabled",
  };
}

function finished(head: ReturnType<typeof headOf>, output: Item[], { finishReason, usage }: Choice) {
  const { prompt, completion } = usage;
  return {
    ...head,
    status: statusOf({ finishReason }),
    ...(finishReason === "length" && { incomplete_details: { reason: "max_output_tokens" } }),
    output,
    usage: {
      input_tokens: prompt,
      input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
      output_tokens: completion,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: prompt + completion,
    },
  };
}

type Status = "completed" | "incomplete";

const statusOf = ({ finishReason }: Pick<Choice, "finishReason">): Status =>
  finishReason === "length" ? "incomplete" : "completed";

const itemsOf = (choice: Choice): Item[] => [
  ...(choice.content === "" && choice.calls.length > 0
    ? []
    : [messageItem(newId("msg", "_"), choice.content, statusOf(choice))]),
  ...choice.calls.map(callItem),
];

const textPart = (text: string) => ({ type: "output_text", text, annotations: [], logprobs: [] });

const messageItem = (id: string, text: string, status: Status): Item => ({
  id,
  type: "message",
  role: "assistant",
  status,
  content: [textPart(text)],
});

const callItem = ({ id, name, arguments: args }: ToolCall): Item => ({
  id: newId("fc", "_"),
  type: "function_call",
  status: "completed",
  call_id: id!,
  name,
  arguments: writeJson(args as never),
});

type SendEvent = (type: string, about: object) => void;

/** The events of a message, as its text comes. An answer of calls alone has no message. */
function messageStream(event: SendEvent) {
  const item_id = newId("msg", "_");
  const place = { item_id, output_index: 0, content_index: 0 };
  let text = "";
  const begin = () => {
    const item = { ...messageItem(item_id, "", "completed"), status: "in_progress", content: [] };
    event("response.output_item.added", { output_index: 0, item });
    event("response.content_part.added", { ...place, part: textPart("") });
  };
  return {
    add(piece: string) {
      if (piece === "") return;
      if (text === "") begin();
      text += piece;
      event("response.output_text.delta", { ...place, delta: piece, logprobs: [] });
    },
    end(choice: Choice): Item[] {
      if (text === "" && choice.calls.length > 0) return [];
      if (text === "") begin();
      const item = messageItem(item_id, text, statusOf(choice));
      event("response.output_text.done", { ...place, text, logprobs: [] });
      event("response.content_part.done", { ...place, part: textPart(text) });
      event("response.output_item.done", { output_index: 0, item });
      return [item];
    },
  };
}

function sendCall(event: SendEvent, item: Item, output_index: number): void {
  const { id: item_id, arguments: args, name } = item;
  event("response.output_item.added", {
    output_index,
    item: { ...item, status: "in_progress", arguments: "" },
  });
  event("response.function_call_arguments.delta", { item_id, output_index, delta: args });
  event("response.function_call_arguments.done", { item_id, output_index, name, arguments: args });
  event("response.output_item.done", { output_index, item });
}
