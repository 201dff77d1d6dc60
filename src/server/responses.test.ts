import { readFileSync } from "node:fs";
import OpenAI, { APIError } from "openai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LoadedModel, loadModel } from "../generation/load_model.ts";
import type { ChatOptions } from "../generation/talk.ts";
import type { Message } from "../templates/message.ts";
import { chatTemplate } from "../templates/template.ts";
import { goldenPath } from "../testing/goldens.ts";
import { createServer } from "./create_server.ts";
import { createServedModels } from "./served_models.ts";

let model: LoadedModel;
beforeAll(async () => {
  model = await loadModel(goldenPath("models/llama-gqa"), { threads: 1 });
});
afterAll(() => model.release());

const qwen = chatTemplate(
  readFileSync(new URL("../templates/goldens/qwen2_5.jinja", import.meta.url), "utf8"),
  {},
);

/** A client of the tiny model; or of one that says `text`, and what it was asked. */
function clientOf(text?: string) {
  const asked: Message[][] = [];
  const chat = async (messages: readonly Message[], { onToken, onText }: ChatOptions = {}) => {
    asked.push([...messages]);
    const { ids } = model.tokenizer.encode(text!);
    for (const id of ids) onToken?.(id, new Float32Array(model.tokenizer.vocabSize), { isEnd: false });
    onText?.(text!);
    return { text: text!, ids, promptTokens: 3, finishReason: "stop" as const };
  };
  const speaker =
    text === undefined ? model : ({ ...model, chat, template: async () => qwen } as LoadedModel);
  const { fetch } = createServer({
    models: createServedModels([{ id: "m", speaker, adapter: null, created: 0 }]),
  });
  const client = new OpenAI({
    apiKey: "none",
    baseURL: "http://localhost/v1",
    maxRetries: 0,
    fetch: (url, init) => fetch(new Request(url as string, init as RequestInit)),
  });
  return { client, asked };
}

const ask = {
  model: "m",
  input: "Name the capital of France.",
  temperature: 0,
  max_output_tokens: 8,
} as const;
const tools = [{ type: "function", name: "weather", parameters: { type: "object" }, strict: null }] as const;
const CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>';

test("a response says what a chat completion says", async () => {
  const { client } = clientOf();
  const response = await client.responses.create(ask);
  const { choices, usage } = await client.chat.completions.create({
    model: "m",
    messages: [{ role: "user", content: ask.input }],
    temperature: 0,
    max_tokens: 8,
  });
  expect(response.output_text).toBe(choices[0]!.message.content);
  expect(response).toMatchObject({
    object: "response",
    status: "completed",
    incomplete_details: null,
    usage: {
      input_tokens: usage!.prompt_tokens,
      output_tokens: usage!.completion_tokens,
      total_tokens: usage!.total_tokens,
    },
  });
});

test("a stream has the events of a message, numbered, and the whole response at its end", async () => {
  const { client } = clientOf();
  const whole = await client.responses.create(ask);
  const events = [];
  for await (const event of await client.responses.create({ ...ask, stream: true })) events.push(event);
  const text = events
    .map((event) => (event.type === "response.output_text.delta" ? event.delta : ""))
    .join("");
  expect(text).toBe(whole.output_text);
  expect(events.map(({ sequence_number }) => sequence_number)).toEqual([...events.keys()]);
  const types = events.map(({ type }) => type).filter((type) => type !== "response.output_text.delta");
  expect(types).toEqual([
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
  ]);
  const { response } = events.at(-1) as { response: { output: unknown[] } };
  expect(response.output).toMatchObject([{ type: "message", content: [{ type: "output_text", text }] }]);
});

test("an answer that may not be longer is incomplete", async () => {
  const { client } = clientOf();
  const short = { ...ask, max_output_tokens: 1 };
  const cut = { status: "incomplete", incomplete_details: { reason: "max_output_tokens" } };
  expect(await client.responses.create(short)).toMatchObject(cut);
  const events = [];
  for await (const event of await client.responses.create({ ...short, stream: true })) events.push(event);
  expect(events.at(-1)).toMatchObject({ type: "response.incomplete", response: cut });
});

test("the client's own reader puts a stream together", async () => {
  const { client } = clientOf("It rains.");
  const final = await client.responses.stream(ask).finalResponse();
  expect(final).toMatchObject({ status: "completed", output_text: "It rains." });
});

test("a conversation with instructions, calls and their results is what the model is asked", async () => {
  const { client, asked } = clientOf("It rains.");
  await client.responses.create({
    model: "m",
    instructions: "Be brief.",
    tools: [...tools],
    input: [
      { role: "user", content: [{ type: "input_text", text: "Weather in Paris?" }] },
      { type: "function_call", call_id: "call_1", name: "weather", arguments: '{"city":"Paris"}' },
      { type: "function_call_output", call_id: "call_1", output: "rain" },
      { role: "assistant", content: "Rain." },
      { role: "developer", content: "In one word." },
    ],
  });
  expect(asked[0]).toMatchObject([
    { role: "system", content: "Be brief." },
    { role: "user", content: "Weather in Paris?" },
    { role: "assistant", toolCalls: [{ name: "weather", arguments: { city: "Paris" } }] },
    { role: "tool", content: "rain", toolCallId: "call_1" },
    { role: "assistant", content: "Rain." },
    { role: "system", content: "In one word." },
  ]);
});

test("calls are items of their own, streamed too", async () => {
  const { client } = clientOf(CALL);
  const call = { type: "function_call", name: "weather", arguments: '{"city":"Paris"}', status: "completed" };
  const { output } = await client.responses.create({ ...ask, tools: [...tools] });
  expect(output).toMatchObject([call]);
  const streamed = await client.responses.stream({ ...ask, tools: [...tools] }).finalResponse();
  expect(streamed.output).toMatchObject([call]);
});

test("an answer in a format", async () => {
  const { client } = clientOf();
  const schema = {
    type: "object",
    properties: { n: { type: "integer" } },
    required: ["n"],
    additionalProperties: false,
  };
  const { output_text } = await client.responses.create({
    ...ask,
    max_output_tokens: 60,
    text: { format: { type: "json_schema", name: "number", schema } },
  });
  expect(JSON.parse(output_text)).toMatchObject({ n: expect.any(Number) });
});

test("what isn't served is refused by its name", async () => {
  const { client } = clientOf();
  const failure = async (more: object) => {
    const error = await client.responses.create({ ...ask, ...more }).catch((reason) => reason);
    expect(error).toBeInstanceOf(APIError);
    return [error.status, error.param];
  };
  expect(await failure({ previous_response_id: "resp_1" })).toEqual([400, "previous_response_id"]);
  expect(await failure({ store: true })).toEqual([400, "store"]);
  expect(await failure({ reasoning: { effort: "low" } })).toEqual([400, "reasoning"]);
  expect((await failure({ input: [] }))[0]).toBe(400);
  expect(await failure({ model: "other" })).toEqual([404, "model"]);
  expect((await failure({ tools: [{ type: "web_search" }] }))[0]).toBe(400);
  const image = { type: "input_image", image_url: "data:" };
  expect(await failure({ input: [{ role: "user", content: [image] }] })).toEqual([
    400,
    "input.0.content.0.type",
  ]);
  expect(await failure({ input: [{ type: "reasoning", id: "r", summary: [] }] })).toEqual([
    400,
    "input.0.type",
  ]);
  expect(await failure({ include: ["reasoning.encrypted_content"] })).toEqual([400, "include"]);
  expect(await failure({ stream: true, input: "long ".repeat(2000) })).toEqual([400, "input"]);
});

test("null is what is left out, within settings too", async () => {
  const { client } = clientOf("It rains.");
  const nulls = { instructions: null, previous_response_id: null, reasoning: null, include: null };
  const text = { format: null, verbosity: null } as unknown as undefined;
  expect((await client.responses.create({ ...ask, ...nulls, text })).output_text).toBe("It rains.");
});

test("what comes back has all that the client's types promise", async () => {
  const { client } = clientOf(CALL);
  const bare = [{ type: "function", name: "weather" }] as unknown as OpenAI.Responses.FunctionTool[];
  const { tools } = await client.responses.create({ ...ask, tools: bare });
  expect(tools).toEqual([{ type: "function", name: "weather", parameters: null, strict: null }]);
  const cut = await clientOf().client.responses.create({ ...ask, max_output_tokens: 1 });
  expect(cut.output).toMatchObject([{ type: "message", status: "incomplete" }]);
});
