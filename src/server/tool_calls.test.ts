/** Tools, by a model that says what the test wants it to: the template is Qwen2.5's. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
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
const tools = [{ type: "function" as const, function: { name: "weather", parameters: { type: "object" } } }];
const CALL = '<tool_call>\n{"name": "weather", "arguments": {"city": "Paris"}}\n</tool_call>';

/** A client of a model that says `text`, and what the model was asked. */
function speaking(text: string) {
  const asked: Message[][] = [];
  const chat = async (messages: readonly Message[], { onToken, stop = [] }: ChatOptions = {}) => {
    asked.push([...messages]);
    const { ids } = model.tokenizer.encode(text);
    for (const id of ids) onToken?.(id, new Float32Array(model.tokenizer.vocabSize), { isEnd: false });
    return {
      text,
      ids,
      promptTokens: 3,
      finishReason: stop.length > 0 ? ("stop" as const) : ("length" as const),
    };
  };
  const speaker = { ...model, chat, template: async () => qwen } as LoadedModel;
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

const body = { model: "m", messages: [{ role: "user" as const, content: "Weather in Paris?" }], tools };
const called = { type: "function", function: { name: "weather", arguments: '{"city":"Paris"}' } };

test("calls that the model writes are tool_calls", async () => {
  const { client } = speaking(`Let me look.\n${CALL}`);
  const { choices } = await client.chat.completions.create(body);
  expect(choices[0]).toMatchObject({
    finish_reason: "tool_calls",
    message: { content: "Let me look.", tool_calls: [called] },
  });
  expect((await speaking(CALL).client.chat.completions.create(body)).choices[0]!.message.content).toBe(null);
});

test("a stream has the text as it comes, and never a piece of a call in it", async () => {
  const { client } = speaking(`I look.\n${CALL}`);
  const deltas = [];
  for await (const { choices } of await client.chat.completions.create({ ...body, stream: true }))
    deltas.push(choices[0]!);
  expect(deltas.map(({ delta }) => delta.content ?? "").join("")).toBe("I look.\n");
  expect(deltas.flatMap(({ delta }) => delta.tool_calls ?? [])).toMatchObject([{ index: 0, ...called }]);
  expect(deltas.at(-1)!.finish_reason).toBe("tool_calls");
});

test("a format may stand beside tools of which none may be called", async () => {
  const { client } = speaking('{"a":1}');
  const { choices } = await client.chat.completions.create({
    ...{ ...body, tool_choice: "none" },
    response_format: { type: "json_object" },
  });
  expect(choices[0]!.message.content).toBe('{"a":1}');
});

test("an answer without a call, or with a broken one, is text", async () => {
  for (const text of ["It rains.", "<tool_call>\n{broken"]) {
    const { client } = speaking(text);
    const { choices } = await client.chat.completions.create(body);
    expect(choices[0]).toMatchObject({ finish_reason: "length", message: { content: text } });
    expect(choices[0]!.message.tool_calls).toBe(undefined);
    let streamed = "";
    for await (const chunk of await client.chat.completions.create({ ...body, stream: true }))
      streamed += chunk.choices[0]!.delta.content ?? "";
    expect(streamed).toBe(text);
  }
});

test("a stop string ends the text", async () => {
  const { client } = speaking("It rains. END");
  const { choices } = await client.chat.completions.create({ ...body, stop: " END" });
  expect(choices[0]!.message.content).toBe("It rains.");
});

test("calls and their results go back to the model", async () => {
  const { client, asked } = speaking("It rains.");
  const { choices } = await client.chat.completions.create({
    ...body,
    messages: [
      ...body.messages,
      {
        role: "assistant",
        content: null,
        tool_calls: [{ ...called, type: "function" as const, id: "call_1" }],
      },
      { role: "tool", tool_call_id: "call_1", content: "rain" },
    ],
  });
  expect(choices[0]!.message.content).toBe("It rains.");
  expect(asked[0]).toMatchObject([
    { role: "user" },
    { role: "assistant", content: "", toolCalls: [{ name: "weather", arguments: { city: "Paris" } }] },
    { role: "tool", content: "rain", toolCallId: "call_1" },
  ]);
});

test("no more than one call where several are not wanted", async () => {
  const { client } = speaking(`${CALL}${CALL}`);
  const callsOf = async (parallel_tool_calls?: boolean) =>
    (await client.chat.completions.create({ ...body, parallel_tool_calls })).choices[0]!.message.tool_calls;
  expect(await callsOf()).toHaveLength(2);
  expect(await callsOf(false)).toMatchObject([called]);
});

describe("a call that is asked for", () => {
  let forced: LoadedModel;
  let client: OpenAI;
  beforeAll(async () => {
    const path = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));
    const template = path("templates/goldens/qwen2_5.jinja");
    forced = await loadModel(path("../demo/base"), { threads: 1, template });
    const models = [{ id: "m", speaker: forced, adapter: null, created: 0 }];
    const { fetch } = createServer({ models: createServedModels(models) });
    client = new OpenAI({
      ...{ apiKey: "none", baseURL: "http://localhost/v1", maxRetries: 0 },
      fetch: (url, init) => fetch(new Request(url as string, init as RequestInit)),
    });
  });
  afterAll(() => forced.release());

  const colours = { type: "object", properties: { colour: { enum: ["red", "blue"] } }, required: ["colour"] };
  const paint = { name: "paint", parameters: colours };
  const both = [...tools, { type: "function" as const, function: paint }];
  const chat = (tool_choice: object | "required", more: object = {}) =>
    client.chat.completions.create({
      ...{
        ...body,
        tools: both,
        tool_choice: tool_choice as "required",
        temperature: 1,
        seed: 3,
        max_tokens: 150,
      },
      ...more,
      stream: false,
    });

  test("is made, with arguments by their schema, whatever the model would rather say", async () => {
    for (const seed of [1, 2, 3]) {
      const { choices } = await chat({ type: "function", function: { name: "paint" } }, { seed });
      const { finish_reason, message } = choices[0]!;
      expect([finish_reason, message.content, message.tool_calls!.length]).toEqual(["tool_calls", null, 1]);
      const call = message.tool_calls![0] as OpenAI.ChatCompletionMessageFunctionToolCall;
      expect(call.function.name).toBe("paint");
      expect(["red", "blue"]).toContain(JSON.parse(call.function.arguments).colour);
      const required = (await chat("required", { seed })).choices[0]!.message.tool_calls![0]!;
      expect(["weather", "paint"]).toContain(required.type === "function" && required.function.name);
    }
  });

  test("is made as a response, too", async () => {
    const { output, tool_choice } = await client.responses.create({
      ...{ model: "m", input: "Paint it.", store: false, temperature: 0, max_output_tokens: 100 },
      tools: [{ type: "function", strict: true, ...paint }],
      tool_choice: { type: "function", name: "paint" },
    });
    expect(tool_choice).toEqual({ type: "function", name: "paint" });
    expect(output).toMatchObject([{ type: "function_call", name: "paint" }]);
  });

  test("is refused where there is no such tool, no such schema, no room for it, or another format", async () => {
    const refused = { status: 400, param: "tool_choice" };
    await expect(chat({ type: "function", function: { name: "other" } })).rejects.toMatchObject(refused);
    await expect(chat("required", { tools: undefined })).rejects.toMatchObject(refused);
    await expect(chat("always" as never)).rejects.toMatchObject(refused);
    const odd = {
      name: "odd",
      parameters: { type: "object", properties: { a: { type: "string", pattern: "x" } } },
    };
    await expect(chat("required", { tools: [{ type: "function", function: odd }] })).rejects.toMatchObject({
      ...{ status: 400, param: "tools", message: expect.stringMatching(/'odd'.*pattern is not supported/s) },
    });
    for (const max_tokens of [1, 2, 8])
      await expect(chat("required", { max_tokens })).rejects.toMatchObject({ status: 400 });
    await expect(chat("required", { response_format: { type: "json_object" } })).rejects.toMatchObject({
      ...{ status: 400, param: "response_format" },
    });
  });
});
