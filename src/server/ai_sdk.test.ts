/** Vercel's AI SDK, by its provider for servers that speak OpenAI's API. */
import { fileURLToPath } from "node:url";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LoadedModel, loadModel } from "../generation/load_model.ts";
import { createServer } from "./create_server.ts";
import { createServedModels } from "./served_models.ts";

let model: LoadedModel;
let provider: ReturnType<typeof createOpenAICompatible>;
beforeAll(async () => {
  const path = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));
  const template = path("templates/goldens/qwen2_5.jinja"); // the demo's own knows no tools
  model = await loadModel(path("../demo/base"), { threads: 1, template });
  const { fetch } = createServer({
    models: createServedModels([{ id: "demo", speaker: model, adapter: null, created: 0 }]),
  });
  provider = createOpenAICompatible({
    name: "attune",
    baseURL: "http://localhost/v1",
    includeUsage: true,
    supportsStructuredOutputs: true,
    fetch: (url, init) => fetch(new Request(url as string, init as RequestInit)),
  });
});
afterAll(() => model.release());

const PROMPT = "Tell me of the house by the river.";
const expected = async () =>
  model.chat([{ role: "user", content: PROMPT }], { temperature: 0, maxTokens: 16, adapter: null });

test("chats", async () => {
  const { text, usage, finishReason } = await generateText({
    ...{ model: provider("demo"), prompt: PROMPT, temperature: 0, maxOutputTokens: 16 },
  });
  const own = await expected();
  expect(text).toBe(own.text);
  expect(usage).toMatchObject({ inputTokens: own.promptTokens, outputTokens: own.ids.length });
  expect(finishReason).toBe(own.finishReason);
});

test("chats in a stream", async () => {
  const stream = streamText({
    ...{ model: provider("demo"), prompt: PROMPT, temperature: 0, maxOutputTokens: 16 },
  });
  const pieces: string[] = [];
  for await (const piece of stream.textStream) pieces.push(piece);
  const own = await expected();
  expect(pieces.join("")).toBe(own.text);
  expect(pieces.length).toBeGreaterThan(1);
  expect(await stream.usage).toMatchObject({ outputTokens: own.ids.length });
});

const weather = (asked: unknown[]) =>
  tool({
    description: "The weather in a city.",
    inputSchema: jsonSchema<{ city: string; days: number }>({
      type: "object",
      properties: { city: { enum: ["Paris", "Rome"] }, days: { type: "integer" } },
      required: ["city", "days"],
      additionalProperties: false,
    }),
    async execute(given) {
      asked.push(given);
      return `It rains in ${given.city}.`;
    },
  });
const city = expect.stringMatching(/^(Paris|Rome)$/);

test("calls a tool, and goes on with what it gave", async () => {
  const asked: unknown[] = [];
  const { steps } = await generateText({
    ...{ model: provider("demo"), prompt: "The weather in Rome?", temperature: 0, maxOutputTokens: 120 },
    tools: { weather: weather(asked) },
    toolChoice: { type: "tool", toolName: "weather" },
    stopWhen: stepCountIs(2),
    prepareStep: ({ stepNumber }) => (stepNumber > 0 ? { toolChoice: "none" } : {}),
  });
  expect(asked).toEqual([{ city, days: expect.any(Number) }]);
  expect(steps[0]!.finishReason).toBe("tool-calls");
  expect(steps[0]!.toolResults).toMatchObject([
    { toolName: "weather", output: expect.stringMatching(/^It rains/) },
  ]);
  expect(steps).toHaveLength(2);
  expect(steps[1]!.text).not.toBe("");
});

test("calls a tool in a stream", async () => {
  const asked: unknown[] = [];
  const stream = streamText({
    ...{ model: provider("demo"), prompt: "The weather in Rome?", temperature: 0, maxOutputTokens: 120 },
    tools: { weather: weather(asked) },
    toolChoice: "required",
  });
  await stream.consumeStream();
  expect(asked).toEqual([{ city, days: expect.any(Number) }]);
  expect(await stream.finishReason).toBe("tool-calls");
});

test("gives objects of a schema", async () => {
  const { output } = await generateText({
    ...{ model: provider("demo"), prompt: "A colour.", temperature: 0, maxOutputTokens: 60 },
    output: Output.object({
      schema: jsonSchema<{ colour: string }>({
        type: "object",
        properties: { colour: { enum: ["red", "blue"] } },
        required: ["colour"],
        additionalProperties: false,
      }),
    }),
  });
  expect(output).toEqual({ colour: expect.stringMatching(/^(red|blue)$/) });
});
