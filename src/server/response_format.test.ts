/** The demo's model knows nothing of JSON: whatever is valid is so by the constraint alone. */
import { fileURLToPath } from "node:url";
import { Ajv } from "ajv";
import OpenAI, { type APIError } from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LoadedModel, loadModel } from "../generation/load_model.ts";
import { createServer } from "./create_server.ts";
import { createServedModels } from "./served_models.ts";

let model: LoadedModel;
let client: OpenAI;
beforeAll(async () => {
  model = await loadModel(fileURLToPath(new URL("../../demo/base", import.meta.url)), { threads: 1 });
  const { fetch } = createServer({
    models: createServedModels([{ id: "demo", speaker: model, adapter: null, created: 0 }]),
  });
  client = new OpenAI({
    apiKey: "none",
    baseURL: "http://localhost/v1",
    maxRetries: 0,
    fetch: (url, init) => fetch(new Request(url as string, init as RequestInit)),
  });
});
afterAll(() => model.release());

const ask = (response_format: object, more: object = {}) =>
  client.chat.completions.create({
    model: "demo",
    messages: [{ role: "user", content: "Describe the colour of the sky." }],
    response_format: response_format as { type: "json_object" },
    max_tokens: 80,
    temperature: 1,
    seed: 1,
    ...more,
    stream: false,
  });
const ofSchema = (schema: object) => ({
  type: "json_schema",
  json_schema: { name: "x", schema, strict: true },
});

const object = (properties: Record<string, object>, required = Object.keys(properties)) => ({
  type: "object",
  properties,
  required,
  additionalProperties: false,
});
const list = (items: object, more: object = {}) => ({ type: "array", items, ...more });
const [text, whole, real, flag, none] = ["string", "integer", "number", "boolean", "null"].map((type) => ({
  type,
})) as [object, object, object, object, object];
const colour = { enum: ["red", "green", "blue"] };
const short = { type: "string", maxLength: 8 };

const SCHEMAS: object[] = [
  ...[text, whole, real, flag, none, colour, short],
  ...[
    { const: "fixed" },
    { const: { a: [1, null] } },
    { enum: [1, "1", null, true] },
    { type: ["integer", "null"] },
  ],
  ...[{ type: "string", minLength: 5 }, { type: "string", minLength: 3, maxLength: 3 }, {}],
  ...[text, whole, real, flag, none, colour].map((item) => list(item)),
  ...[list(whole, { minItems: 3 }), list(text, { maxItems: 2 }), list(flag, { minItems: 2, maxItems: 2 })],
  ...[list(list(whole)), list(object({ a: whole })), list({ anyOf: [text, whole] }), { type: "array" }],
  ...[text, whole, real, flag, none, colour].map((value) => object({ value })),
  object({}),
  object({ a: text, b: whole, c: flag }),
  object({ a: text, b: whole }, ["b"]),
  object({ a: text, b: whole, c: real }, []),
  object({ name: short, age: whole, tags: list(short, { maxItems: 3 }) }),
  object({ outer: object({ inner: object({ deep: flag }) }) }),
  object({ either: { anyOf: [object({ a: whole }), object({ b: text })] } }),
  object({ 'key with "quotes"': whole, ключ: flag }),
  { type: "object" },
  { type: "object", additionalProperties: whole },
  { anyOf: [text, list(text)] },
  { anyOf: [object({ kind: { const: "a" }, x: whole }), object({ kind: { const: "b" }, y: text })] },
  { $defs: { c: colour }, ...object({ one: { $ref: "#/$defs/c" }, two: { $ref: "#/$defs/c" } }) },
  { $defs: { n: object({ v: whole, next: { anyOf: [none, { $ref: "#/$defs/n" }] } }) }, $ref: "#/$defs/n" },
  object({ children: list({ $ref: "#" }) }),
  object({ sentiment: { enum: ["good", "bad"] }, confidence: real }),
  object({ steps: list(object({ explanation: text, output: text })), answer: text }),
  {
    definitions: { p: object({ x: real, y: real }) },
    ...object({ from: { $ref: "#/definitions/p" }, to: { $ref: "#/definitions/p" } }),
  },
];

test("there are fifty", () => expect(SCHEMAS.length).toBeGreaterThanOrEqual(50));

test.each(SCHEMAS.map((schema) => [JSON.stringify(schema), schema] as const))("%s", async (_, schema) => {
  const validate = new Ajv({ strict: false }).compile(schema);
  const { choices } = await ask(ofSchema(schema), { n: 2 });
  for (const { message } of choices)
    expect(validate(JSON.parse(message.content!)), message.content!).toBe(true);
});

describe("a JSON object", () => {
  test("of any keys", async () => {
    for (const seed of [1, 2, 3]) {
      const { choices } = await ask({ type: "json_object" }, { seed, temperature: 2, top_k: 0 });
      expect(typeof JSON.parse(choices[0]!.message.content!)).toBe("object");
    }
  });

  test("streamed", async () => {
    const stream = await client.chat.completions.create({
      model: "demo",
      messages: [{ role: "user", content: "Hello" }],
      response_format: { type: "json_object" },
      max_tokens: 30,
      stream: true,
    });
    let answer = "";
    for await (const chunk of stream) answer += chunk.choices[0]!.delta.content ?? "";
    JSON.parse(answer);
  });
});

test("what isn't supported is refused by name", async () => {
  const message = async (asked: Promise<unknown>) =>
    asked.then(
      () => undefined,
      (error) => [(error as APIError).status, (error as APIError).param, (error as APIError).message],
    );
  expect(await message(ask(ofSchema({ type: "string", pattern: "a" })))).toEqual([
    400,
    "response_format",
    expect.stringContaining("pattern is not supported"),
  ]);
  expect(await message(ask(ofSchema({ type: "string", minLength: 500 })))).toEqual([
    400,
    null,
    expect.stringContaining("max_tokens"),
  ]);
  expect(await message(ask({ type: "grammar" }))).toEqual([
    400,
    "response_format.type",
    expect.stringContaining("json_schema"),
  ]);
});
