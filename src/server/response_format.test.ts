/** The demo's model knows nothing of JSON: whatever is valid is so by the constraint alone. */
import { fileURLToPath } from "node:url";
import OpenAI, { type APIError } from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { schemaGrammar } from "../generation/constraint/schema_grammar.ts";
import { type LoadedModel, loadModel } from "../generation/load_model.ts";
import type { AttuneError } from "../text/errors.ts";
import { createServer } from "./create_server.ts";
import { createServedModels } from "./served_models.ts";
import { SCHEMAS } from "./testing/schemas.ts";
import { validatorOf } from "./testing/validator.ts";

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

test("there are fifty, with all that is offered", () => {
  expect(SCHEMAS.length).toBeGreaterThanOrEqual(50);
  const { expected } = refusalOf({ type: "string", pattern: "a" });
  const offered = expected!.split(", ").map((key) => key.replace(" of one", ""));
  expect(offered.length).toBeGreaterThan(15);
  const used = JSON.stringify(SCHEMAS);
  for (const key of offered) expect(used).toContain(`"${key}":`);
});

function refusalOf(schema: object): AttuneError {
  try {
    schemaGrammar(schema);
  } catch (error) {
    return error as AttuneError;
  }
  throw new Error("it is not refused");
}

test.each(SCHEMAS.map((schema) => [JSON.stringify(schema), schema] as const))("%s", async (_, schema) => {
  const validate = validatorOf(schema);
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
