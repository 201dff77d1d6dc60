import OpenAI, { APIError } from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import generation from "../../goldens/generation/llama-gqa.json" with { type: "json" };
import { encodePrompt } from "../generation/encode_prompt.ts";
import { type LoadedModel, loadModel } from "../generation/load_model.ts";
import type { ChatOptions } from "../generation/talk.ts";
import type { Message } from "../templates/message.ts";
import { goldenPath, readGoldenTensors } from "../testing/goldens.ts";
import { AttuneError } from "../text/errors.ts";
import { isMediaToken } from "../tokenizers/media_tokens.ts";
import type { Tokenizer } from "../tokenizers/tokenizer.ts";
import { createServer, type Server, type ServerOptions } from "./create_server.ts";
import { createServedModels, type ServedModel } from "./served_models.ts";

const LORA = goldenPath("training/llama-gqa-lora-all/final");
let model: LoadedModel;
let served: ServedModel[];
let server: Server;
let client: OpenAI;

/** The client, whose requests go to the handler itself. */
const clientOf = ({ fetch }: Server, apiKey = "none") =>
  new OpenAI({
    apiKey,
    baseURL: "http://localhost/v1",
    maxRetries: 0,
    fetch: (url, init) => fetch(new Request(url as string, init as RequestInit)),
  });

const post = (body: unknown, headers: Record<string, string> = {}, path = "/v1/chat/completions") =>
  new Request(`http://localhost${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

beforeAll(async () => {
  model = await loadModel(goldenPath("models/llama-gqa"), { threads: 1, adapters: { tuned: LORA } });
  served = [
    { id: "tiny", speaker: model, adapter: null, created: 1700000000 },
    { id: "tuned", speaker: model, adapter: "tuned", created: 1700000000, parent: "tiny" },
  ];
  server = createServer({ models: createServedModels(served) });
  client = clientOf(server);
});
afterAll(() => model.release());

const question: Message[] = [{ role: "user", content: "Name the capital of France." }];
const greedy = { temperature: 0, max_tokens: 12, logit_bias: { 319: -100 } }; // without an end

/** What fails, as the client reports it. */
async function failure(asked: PromiseLike<unknown>): Promise<Partial<APIError>> {
  const error = await Promise.resolve(asked).then(
    () => undefined,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(APIError);
  const { status, code, param, type } = error as APIError;
  return { status, code, param, type };
}

describe("models", () => {
  test("the base and its adapters are listed", async () => {
    const { data } = await client.models.list();
    expect(data).toEqual([
      { id: "tiny", object: "model", created: 1700000000, owned_by: "attune" },
      { id: "tuned", object: "model", created: 1700000000, owned_by: "attune", parent: "tiny" },
    ]);
    expect(await client.models.retrieve("tuned")).toMatchObject({ id: "tuned", object: "model" });
  });

  test("an unknown one is not found", async () => {
    const expected = { status: 404, code: "model_not_found", param: "model", type: "invalid_request_error" };
    expect(await failure(client.models.retrieve("other"))).toEqual(expected);
    expect(await failure(client.chat.completions.create({ model: "other", messages: [] }))).toMatchObject({
      status: 400,
    });
    const asked = client.chat.completions.create({
      model: "other",
      messages: [{ role: "user", content: "x" }],
    });
    expect(await failure(asked)).toEqual(expected);
  });
});

describe("chat completions", () => {
  const ask = (id: string, more: object = {}) =>
    client.chat.completions.create({
      model: id,
      messages: [{ role: "user", content: "Name the capital of France." }],
      ...greedy,
      ...more,
      stream: false,
    });

  test("each model gives its own answer, the one that attune gives", async () => {
    const golden = generation.prompts[0]!;
    const plain = await client.chat.completions.create({
      model: "tiny",
      messages: golden.messages as [],
      temperature: 0,
      max_completion_tokens: 24,
    });
    expect(plain.choices[0]!.message).toEqual({ role: "assistant", content: golden.text, refusal: null });
    expect(plain.usage).toEqual({
      prompt_tokens: golden.input_ids.length,
      completion_tokens: golden.output_ids.length,
      total_tokens: golden.input_ids.length + golden.output_ids.length,
    });
    const [base, tuned] = [await ask("tiny"), await ask("tuned")];
    expect(tuned.choices[0]!.message.content).not.toBe(base.choices[0]!.message.content);
    const own = await model.chat(question, {
      temperature: 0,
      maxTokens: 12,
      adapter: "tuned",
      rules: () => [(scores) => void scores.fill(-100, 319, 320)],
    });
    expect(tuned.choices[0]!.message.content).toBe(own.text);
    expect(tuned.choices[0]!.finish_reason).toBe("length");
  });

  test("a stream says the same, in OpenAI's chunks", async () => {
    const whole = await ask("tuned");
    const stream = await client.chat.completions.create({
      model: "tuned",
      messages: [{ role: "user", content: "Name the capital of France." }],
      ...greedy,
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = [];
    for await (const chunk of stream) chunks.push(chunk);
    expect(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join("")).toBe(
      whole.choices[0]!.message.content,
    );
    expect(chunks[0]!.choices[0]).toEqual({
      index: 0,
      delta: { role: "assistant", content: "", refusal: null },
      logprobs: null,
      finish_reason: null,
    });
    expect(chunks.at(-2)!.choices[0]).toMatchObject({ delta: {}, finish_reason: "length" });
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage });
    expect(new Set(chunks.map(({ id, object }) => `${id} ${object}`)).size).toBe(1);
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
  });

  test("log-probabilities belong to the tokens of the answer, streamed or not", async () => {
    const { choices } = await ask("tiny", { logprobs: true, top_logprobs: 3 });
    const content = choices[0]!.logprobs!.content!;
    expect(content).toHaveLength(12);
    for (const { logprob, top_logprobs } of content) {
      expect(top_logprobs).toHaveLength(3);
      expect(logprob).toBeLessThanOrEqual(top_logprobs[0]!.logprob);
    }
    const bytes = content.flatMap((one) => one.bytes!);
    expect(new TextDecoder().decode(Uint8Array.from(bytes))).toBe(choices[0]!.message.content);
    const stream = await client.chat.completions.create({
      model: "tiny",
      messages: [{ role: "user", content: "Name the capital of France." }],
      ...greedy,
      logprobs: true,
      top_logprobs: 3,
      stream: true,
    });
    const streamed = [];
    for await (const chunk of stream) streamed.push(...(chunk.choices[0]!.logprobs?.content ?? []));
    expect(streamed).toEqual(content);
  });

  test("the same seed gives the same answers, n of them, each another", async () => {
    const sampled = { temperature: 1.5, seed: -7, n: 3, top_k: 0 };
    const texts = async () =>
      (await ask("tiny", sampled)).choices.map(({ index, message }) => [index, message.content]);
    const first = await texts();
    expect(await texts()).toEqual(first);
    expect(new Set(first.map(([, text]) => text)).size).toBe(3);
    expect(first.map(([index]) => index)).toEqual([0, 1, 2]);
  });

  test("answers are streamed side by side", async () => {
    const asked = {
      model: "tiny",
      messages: question as [{ role: "user"; content: string }],
      ...{ ...greedy, temperature: 1.5, seed: 3, n: 3 },
    };
    const whole = await client.chat.completions.create(asked);
    const texts = ["", "", ""];
    const order: (number | string)[] = [];
    for await (const { choices } of await client.chat.completions.create({ ...asked, stream: true })) {
      const { index, delta, finish_reason } = choices[0]!;
      texts[index] += delta.content ?? "";
      order.push(finish_reason ?? index);
    }
    expect(texts).toEqual(whole.choices.map(({ message }) => message.content));
    expect(new Set(order.slice(0, order.indexOf("length")))).toEqual(new Set([0, 1, 2]));
  });

  test("a stop string ends the answer and is left out", async () => {
    const text = (await ask("tuned")).choices[0]!.message.content!;
    const at = [...text].findIndex((char) => /[a-z]/i.test(char));
    const stop = [...text][at]!;
    const { choices } = await ask("tuned", { stop });
    expect(choices[0]).toMatchObject({
      finish_reason: "stop",
      message: { content: [...text].slice(0, at).join("") },
    });
  });

  test("penalties move the answer", async () => {
    const plain = (await ask("tiny", { max_tokens: 40 })).choices[0]!.message.content;
    const other = (await ask("tiny", { max_tokens: 40, frequency_penalty: 2 })).choices[0]!.message.content;
    expect(other).not.toBe(plain);
  });

  test("what isn't served is refused by name, not ignored", async () => {
    const refused: [object, string, string][] = [
      [{ reasoning_effort: "low" }, "reasoning_effort", "unknown_parameter"],
      [{ temperature: 3 }, "temperature", "invalid_value"],
      [{ max_tokens: "x" }, "max_tokens", "invalid_value"],
      [{ store: true }, "store", "invalid_value"],
      [{ top_logprobs: 2 }, "top_logprobs", "invalid_value"],
      [{ messages: undefined }, "messages", "missing_required_parameter"],
      [
        { messages: [...question, { role: "assistant", content: "x" }] },
        "messages",
        "generation.nothing-to-answer",
      ],
      [{ messages: [{ role: "robot", content: "x" }] }, "messages", "invalid_value"],
      [
        { stream_options: { include_obfuscation: true } },
        "stream_options.include_obfuscation",
        "invalid_value",
      ],
    ];
    const words = (type: string) => [{ role: "user", content: [{ type }] }];
    refused.push(
      [{ messages: words("image_url") }, "messages", "invalid_value"],
      [{ messages: words("input_audio") }, "messages", "invalid_value"],
      [
        { messages: [{ role: "user", content: "long ".repeat(2000) }] },
        "messages",
        "context_length_exceeded",
      ],
      [{ tools: [{ type: "custom" }] }, "tools", "invalid_value"],
      [{ tool_choice: { type: "allowed_tools" } }, "tool_choice", "invalid_value"],
      [{ logit_bias: { 999999: 1 } }, "logit_bias", "invalid_value"],
    );
    for (const [more, param, code] of refused)
      expect(await failure(ask("tiny", more)), param).toMatchObject({ status: 400, code, param });
    expect(
      await failure(ask("tiny", { tools: [{ type: "function", function: { name: "f" } }] })),
    ).toMatchObject({
      status: 400,
      code: "generation.tools-not-written",
    });
    const long = [{ role: "user", content: "word ".repeat(600) }];
    expect(await failure(ask("tiny", { messages: long }))).toMatchObject({
      status: 400,
      code: "context_length_exceeded",
    });
    expect(await failure(ask("tiny", { messages: long, stream: true }))).toMatchObject({ status: 400 });
  });

  test("of a prompt of megabytes no token is read", async () => {
    const read: number[] = [];
    const eachToken: Tokenizer["eachToken"] = (text, ...more) => {
      read.push(text.length);
      model.tokenizer.eachToken(text, ...more);
    };
    const spied = { ...model.tokenizer, eachToken };
    expect(() => encodePrompt(spied, " \n".repeat(3e6), {}, 512)).toThrow("more than 1024 tokens");
    expect(read).toEqual([]);
    expect(encodePrompt(spied, "a short one", {}, 512)).toEqual(model.tokenizer.encode("a short one").ids);
    const long = "word ".repeat(1.2e6);
    const failures = await Promise.all([
      failure(client.chat.completions.create({ model: "tiny", messages: [{ role: "user", content: long }] })),
      failure(client.completions.create({ model: "tiny", prompt: long })),
      failure(client.responses.create({ model: "tiny", input: long })),
    ]);
    const refused = { status: 400, code: "context_length_exceeded", type: "invalid_request_error" };
    expect(failures).toEqual(["messages", "prompt", "input"].map((param) => ({ ...refused, param })));
  });

  test("of one that is a little too long the length is told", async () => {
    const ask = (words: number) =>
      client.completions.create({ model: "tiny", prompt: "a ".repeat(words), max_tokens: 1 }).then(
        () => undefined,
        (error: Error) => error.message,
      );
    let [words, message] = [0, undefined as string | undefined];
    while (message === undefined) {
      words += 20;
      message = await ask(words);
    }
    const { ids } = model.tokenizer.encode("a ".repeat(words), { addBos: true });
    expect(message).toContain(`the prompt has ${ids.length} tokens`);
  });

  test("null is what is left out", async () => {
    const { choices } = await ask("tiny", { stop: null, seed: null, top_p: null });
    expect(choices).toHaveLength(1);
  });
});

/** The same, whose numbers may differ by the rounding of other passes. */
function nearly(value: unknown): unknown {
  if (typeof value === "number") return expect.closeTo(value, 4);
  if (Array.isArray(value)) return value.map(nearly);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, nearly(inner)]));
}

describe("completions", () => {
  test("lm-eval's request gives transformers' log-probabilities", async () => {
    const golden = await readGoldenTensors(goldenPath("models/llama-gqa/logits.safetensors"));
    const length = 40;
    const ids = golden.input_ids!.data.slice(0, length);
    const V = golden.logits!.shape.at(-1)!;
    const expected = (t: number) => {
      const row = golden.logits!.data.slice(t * V, (t + 1) * V);
      const highest = Math.max(...row);
      const total = highest + Math.log(row.reduce((sum, logit) => sum + Math.exp(logit - highest), 0));
      return { own: row[ids[t + 1]!]! - total, best: highest - total };
    };
    for (const max_tokens of [0, 1]) {
      const { choices, usage } = await client.completions.create({
        model: "tiny",
        prompt: [ids, ids.slice(0, 9)],
        max_tokens,
        logprobs: 1,
        echo: true,
        seed: 1234,
        temperature: 0,
      });
      const { token_logprobs, top_logprobs, tokens, text_offset } = choices[0]!.logprobs!;
      expect(tokens).toHaveLength(length + max_tokens);
      expect(token_logprobs![0]).toBe(null);
      for (let t = 0; t < length - 1; t++) {
        expect(token_logprobs![t + 1]).toBeCloseTo(expected(t).own, 4);
        const best = Math.max(...Object.values(top_logprobs![t + 1]!));
        expect(Math.abs(best - expected(t).best)).toBeLessThan(1e-4);
      }
      expect(text_offset).toHaveLength(length + max_tokens);
      expect(choices[1]!.logprobs!.token_logprobs).toHaveLength(9 + max_tokens);
      expect(usage).toMatchObject({ prompt_tokens: length + 9, completion_tokens: 2 * max_tokens });
    }
  });

  test("text goes on, streamed or not, and an echo begins it", async () => {
    const asked = { model: "tiny", prompt: "The cat", max_tokens: 6, temperature: 0 };
    const { choices } = await client.completions.create({ ...asked, echo: true });
    const own = await model.complete("The cat", { temperature: 0, maxTokens: 6, adapter: null });
    expect(choices[0]!.text).toBe(`The cat${own.text}`);
    let text = "";
    for await (const chunk of await client.completions.create({ ...asked, stream: true }))
      text += chunk.choices[0]!.text;
    expect(text).toBe(own.text);
  });

  test("streamed log-probabilities are those of the whole, each with its piece of text", async () => {
    const prompts = ["The cat", "A dog sat"];
    for (const echo of [false, true]) {
      const asked = { model: "tiny", prompt: prompts, max_tokens: 5, temperature: 0, logprobs: 2, echo };
      const { choices } = await client.completions.create(asked);
      const parts = prompts.map(() => ({
        text: "",
        tokens: [],
        token_logprobs: [],
        top_logprobs: [],
        text_offset: [],
      }));
      for await (const { choices } of await client.completions.create({ ...asked, stream: true })) {
        const { index, text, logprobs } = choices[0]!;
        const all = parts[index] as Record<string, unknown>;
        all.text += text;
        for (const [key, values] of Object.entries(logprobs ?? {}))
          all[key] = [...(all[key] as unknown[]), ...(values as unknown[])];
      }
      expect(parts).toEqual(nearly(choices.map(({ text, logprobs }) => ({ text, ...logprobs }))));
      expect(parts[0]!.tokens).toHaveLength(choices[0]!.logprobs!.tokens!.length);
      expect(choices[0]!.logprobs!.tokens!.length).toBeGreaterThan(4);
    }
  });

  test("a prompt that is left out is missing, not wrong", async () => {
    const asked = client.completions.create({ model: "tiny" } as never);
    expect(await failure(asked)).toMatchObject({
      ...{ status: 400, param: "prompt", code: "missing_required_parameter" },
    });
  });

  test("prompts that can't be read are refused by their parameter", async () => {
    for (const prompt of ["", ["a", ""], [], ["a", 5], Array(129).fill("a"), "long ".repeat(2000)]) {
      const asked = client.completions.create({ model: "tiny", prompt: prompt as string });
      expect(await failure(asked), String(prompt).slice(0, 9)).toMatchObject({
        status: 400,
        param: "prompt",
      });
    }
  });

  test("tokens of images are refused, and named", async () => {
    const { tokenizer } = model;
    const sees = { ...model, tokenizer: { ...tokenizer, isMedia: (id: number) => id === 7 } };
    const speaker = { ...sees, complete: async () => Promise.reject(isMediaToken(7, "<image>")) };
    const chat = speaker.complete as unknown as LoadedModel["chat"];
    const seeing = clientOf(
      createServer({ models: createServedModels([{ ...served[0]!, speaker: { ...speaker, chat } }]) }),
    );
    const expected = { status: 400, code: "tokenizers.media-token" };
    const asked = seeing.completions.create({ model: "tiny", prompt: [7], stream: true });
    expect(await failure(asked)).toMatchObject({ ...expected, param: "prompt" });
    const messages = question as [{ role: "user"; content: string }];
    const chatted = seeing.chat.completions.create({ model: "tiny", messages });
    expect(await failure(chatted)).toMatchObject({ ...expected, param: "messages" });
  });

  test("a prompt as long as the model was made for is scored, but not gone on from", async () => {
    const prompt = Array.from({ length: 512 }, (_, i) => 5 + (i % 90));
    const asked = { model: "tiny", prompt, echo: true, logprobs: 1, temperature: 0 };
    const { choices, usage } = await client.completions.create({ ...asked, max_tokens: 0 });
    expect(choices[0]!.logprobs!.token_logprobs).toHaveLength(512);
    const shorter = await client.completions.create({
      ...asked,
      prompt: prompt.slice(0, 511),
      max_tokens: 1,
    });
    expect(choices[0]!.logprobs!.token_logprobs!.slice(0, 511)).toEqual(
      nearly(shorter.choices[0]!.logprobs!.token_logprobs!.slice(0, 511)),
    );
    expect(usage).toMatchObject({ prompt_tokens: 512, completion_tokens: 0 });
    for (const wrong of [
      { ...asked, max_tokens: 1 },
      { ...asked, max_tokens: 0, prompt: [...prompt, 5] },
    ])
      expect(await failure(client.completions.create(wrong))).toMatchObject({
        code: "context_length_exceeded",
      });
  });

  test("best_of is refused, but where it says what n says", async () => {
    const asked = { model: "tiny", prompt: "The cat", max_tokens: 1, temperature: 1, n: 2 };
    expect((await client.completions.create({ ...asked, best_of: 2 })).choices).toHaveLength(2);
    expect(await failure(client.completions.create({ ...asked, best_of: 3 }))).toMatchObject({
      ...{ status: 400, param: "best_of" },
    });
  });

  test("a token the model doesn't have is refused", async () => {
    const asked = client.completions.create({ model: "tiny", prompt: [5, 999_999], max_tokens: 1 });
    expect(await failure(asked)).toMatchObject({ status: 400, param: "prompt" });
  });
});

describe("the door", () => {
  const statusOf = async (options: Partial<ServerOptions>, request: Request) => {
    const response = await createServer({ models: createServedModels(served), ...options }).fetch(request);
    const text = await response.text();
    return {
      status: response.status,
      code: text === "" ? null : JSON.parse(text).error?.code,
      headers: response.headers,
    };
  };
  const list = (headers: Record<string, string> = {}, host = "localhost") =>
    new Request(`http://${host}/v1/models`, { headers });

  test("a key is asked for", async () => {
    const options = { apiKey: "right" };
    expect(await statusOf(options, list())).toMatchObject({ status: 401, code: "invalid_api_key" });
    expect(await statusOf(options, list({ authorization: "Bearer wrong" }))).toMatchObject({ status: 401 });
    expect(await statusOf(options, list({ authorization: "Bearer right" }))).toMatchObject({ status: 200 });
    const keyed = createServer({ models: createServedModels(served), ...options });
    expect(await failure(clientOf(keyed, "wrong").models.list())).toMatchObject({ status: 401 });
  });

  test("a name that was bound to this machine from outside is refused", async () => {
    const options = { hosts: ["localhost", "127.0.0.1", "[::1]"] };
    expect(await statusOf(options, list({}, "evil.example:8080"))).toMatchObject({
      status: 403,
      code: "wrong_host",
    });
    expect(await statusOf(options, list({}, "127.0.0.1:8080"))).toMatchObject({ status: 200 });
    expect(await statusOf(options, list({}, "[::1]:8080"))).toMatchObject({ status: 200 });
  });

  test("pages of other origins may ask only when they are named", async () => {
    const origin = "https://page.example";
    expect(await statusOf({}, list({ origin }))).toMatchObject({ status: 403, code: "wrong_origin" });
    const { status, headers } = await statusOf({ cors: [origin] }, list({ origin }));
    expect([status, headers.get("access-control-allow-origin")]).toEqual([200, origin]);
    const preflight = new Request("http://localhost/v1/models", {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "GET" },
    });
    expect(await statusOf({ cors: [origin], apiKey: "key" }, preflight)).toMatchObject({ status: 204 });
    expect(await statusOf({}, list({ origin: "http://localhost" }))).toMatchObject({ status: 200 });
  });

  test("what can't be read has a status and an error of its own", async () => {
    expect(await statusOf({}, post("{"))).toMatchObject({ status: 400, code: "invalid_json" });
    expect(await statusOf({}, post("[]"))).toMatchObject({ status: 400, code: "invalid_json" });
    expect(await statusOf({}, post({}, { "content-type": "text/plain" }))).toMatchObject({
      status: 400,
      code: "unsupported_content_type",
    });
    expect(await statusOf({ bodyLimit: 100 }, post({ x: "y".repeat(200) }))).toMatchObject({ status: 413 });
    expect(await statusOf({}, post({}, {}, "/v1/nothing"))).toMatchObject({
      status: 404,
      code: "unknown_url",
    });
    expect(await statusOf({}, post({}, { "content-encoding": "gzip" }))).toMatchObject({
      status: 415,
      code: "unsupported_content_encoding",
    });
  });

  test("a method that a path doesn't have is refused, and those it has are named", async () => {
    const ask = async (method: string, path: string) => {
      const asked = await statusOf({}, new Request(`http://localhost${path}`, { method }));
      return [asked.status, asked.code, asked.headers.get("allow")];
    };
    for (const method of ["GET", "HEAD", "PUT", "DELETE"])
      expect(await ask(method, "/v1/chat/completions")).toEqual([
        405,
        method === "HEAD" ? null : "method_not_supported",
        "POST",
      ]);
    expect(await ask("POST", "/v1/models")).toEqual([405, "method_not_supported", "GET, HEAD"]);
    expect(await ask("PATCH", "/v1/models/tiny")).toEqual([405, "method_not_supported", "GET, HEAD, DELETE"]);
    expect(await ask("OPTIONS", "/v1/models")).toEqual([204, null, "GET, HEAD"]);
    expect(await ask("GET", "/v1/nothing")).toEqual([404, "unknown_url", null]);
    expect(await ask("OPTIONS", "/v1/nothing")).toEqual([404, "unknown_url", null]);
  });
});

describe("when many ask", () => {
  /** A model that answers when it is let. */
  function waitingModel() {
    const begun: { signal?: AbortSignal; answer(): void }[] = [];
    const chat = (_: unknown, { signal, onText }: ChatOptions = {}) =>
      new Promise<{ text: string; ids: number[]; promptTokens: number; finishReason: "stop" }>(
        (resolve, reject) => {
          signal?.addEventListener("abort", () => reject(signal.reason));
          onText?.("hi");
          begun.push({
            signal,
            answer: () => resolve({ text: "hi", ids: [1], promptTokens: 1, finishReason: "stop" }),
          });
        },
      );
    const speaker = { ...model, chat } as LoadedModel;
    return { begun, models: createServedModels([{ ...served[0]!, speaker }]) };
  }
  const asked = { model: "tiny", messages: [{ role: "user", content: "x" }] };
  const settled = () => new Promise<void>((done) => setImmediate(done));

  test("some are answered side by side, others wait, and those for whom there is no room are sent away", async () => {
    const { begun, models } = waitingModel();
    const { fetch } = createServer({ models, maxWaiting: 1 });
    const taken = Array.from({ length: 16 }, () => fetch(post(asked)));
    while (begun.length < 16) await settled();
    const waiting = fetch(post(asked));
    await settled();
    const last = await fetch(post(asked));
    expect([last.status, last.headers.get("retry-after")]).toEqual([429, "1"]);
    expect((await last.json()).error).toMatchObject({ type: "requests", code: "rate_limit_exceeded" });
    expect(begun).toHaveLength(16);
    begun[7]!.answer();
    expect((await taken[7]!).status).toBe(200);
    while (begun.length < 17) await settled();
    for (const { answer } of begun) answer();
    for (const response of await Promise.all([...taken, waiting])) expect(response.status).toBe(200);
  });

  test("a client that leaves stops its answer, and gives up its place", async () => {
    const { begun, models } = waitingModel();
    const { fetch } = createServer({ models });
    const leaving = new AbortController();
    const first = fetch(new Request(post(asked), { signal: leaving.signal }));
    while (begun.length < 1) await settled();
    const streamed = fetch(post({ ...asked, stream: true }));
    const waiting = new AbortController();
    const third = fetch(new Request(post(asked), { signal: waiting.signal }));
    waiting.abort();
    expect((await third).status).toBe(499);
    leaving.abort();
    expect((await first).status).toBe(499);
    const reader = (await streamed).body!.getReader();
    await reader.read();
    expect(begun[1]!.signal!.aborted).toBe(false);
    await reader.cancel();
    expect(begun[1]!.signal!.aborted).toBe(true);
    expect(begun).toHaveLength(2);
  });

  test("a server that closes answers what it took, and nothing more", async () => {
    const { begun, models } = waitingModel();
    const { fetch, close } = createServer({ models });
    const first = fetch(post(asked));
    while (begun.length < 1) await settled();
    const closed = close();
    expect((await fetch(post(asked))).status).toBe(503);
    begun[0]!.answer();
    expect((await first).status).toBe(200);
    await closed;
  });

  test("an adapter that is unloaded while its request waits is a model that isn't there", async () => {
    const models = createServedModels([{ ...served[0]!, id: "gone", speaker: model, adapter: "gone" }]);
    const response = await createServer({ models }).fetch(post({ ...asked, model: "gone" }));
    expect([response.status, (await response.json()).error]).toMatchObject([
      404,
      { code: "model_not_found", param: "model" },
    ]);
  });

  test("a failure of the server's own says nothing of its inside, and is handed on", async () => {
    const chat = () => Promise.reject(new Error("secret"));
    const errors: unknown[] = [];
    const models = createServedModels([
      { ...served[0]!, speaker: { ...model, chat } as unknown as LoadedModel },
    ]);
    const response = await createServer({ models, onError: (error) => errors.push(error) }).fetch(
      post(asked),
    );
    expect(response.status).toBe(500);
    expect(await response.text()).not.toContain("secret");
    expect(errors).toHaveLength(1);
  });

  test("neither is a failure of the runtime the client's", async () => {
    const chat = () => Promise.reject(new AttuneError({ code: "runtime.failed", problem: "no memory" }));
    const models = createServedModels([
      { ...served[0]!, speaker: { ...model, chat } as unknown as LoadedModel },
    ]);
    expect((await createServer({ models }).fetch(post(asked))).status).toBe(500);
  });
});

describe("many at once", () => {
  test("sixty chats over two models have the answers they have alone", async () => {
    const ask = (i: number) =>
      client.chat.completions.create({
        model: ["tiny", "tuned"][i % 2]!,
        messages: [{ role: "user", content: `Say ${"word ".repeat(i % 9)}${i}.` }],
        temperature: 0,
        max_tokens: 3 + (i % 7),
      });
    const text = ({ choices }: { choices: { message: { content: string | null } }[] }) =>
      choices[0]!.message.content;
    const alone: (string | null)[] = [];
    for (let i = 0; i < 60; i++) alone.push(text(await ask(i)));
    const together = await Promise.all(Array.from({ length: 60 }, (_, i) => ask(i).then(text)));
    expect(together).toEqual(alone);
  });

  test("who leaves in the middle takes nobody along", async () => {
    const stop = new AbortController();
    const body = { model: "tiny", messages: question as [], temperature: 0, max_tokens: 60 };
    const expected = await client.chat.completions.create({ ...body, max_tokens: 20 });
    const leaving = client.chat.completions
      .create(body, { signal: stop.signal })
      .catch((error) => error.name);
    const staying = client.chat.completions.create({ ...body, max_tokens: 20 });
    setTimeout(() => stop.abort(), 5);
    expect((await staying).choices).toEqual(expected.choices);
    expect(await leaving).not.toBe(undefined);
  });
});

describe("adapters that come and go", () => {
  test("are loaded by path, served under their names, and unloaded", async () => {
    const base = served[0]!;
    const { fetch } = createServer({
      models: createServedModels(served),
      adapters: {
        base,
        load: (name, path) => model.addAdapter(name, path),
        unload: async (name) => model.removeAdapter(name),
      },
    });
    const client = clientOf({ fetch } as Server);
    const send = async (path: string, body: object) => {
      const response = await fetch(post(body, {}, `/v1/${path}`));
      return { status: response.status, ...((await response.json()) as object) };
    };
    const loading = { lora_name: "new", lora_path: LORA };
    expect(await send("load_lora_adapter", loading)).toMatchObject({
      status: 200,
      id: "new",
      parent: "tiny",
    });
    const answer = (id: string) =>
      client.chat.completions.create({ model: id, messages: question as [], ...greedy });
    expect((await answer("new")).choices).toEqual((await answer("tuned")).choices);
    expect(await send("load_lora_adapter", loading)).toMatchObject({ status: 400 });
    const twice = { ...loading, lora_name: "twice" };
    const both = await Promise.all([1, 2].map(() => send("load_lora_adapter", twice)));
    expect(both.map(({ status }) => status).sort()).toEqual([200, 400]);
    expect(await send("load_lora_adapter", { lora_name: "x", lora_path: "/nowhere" })).toMatchObject({
      status: 400,
    });
    expect(await send("unload_lora_adapter", { lora_name: "new" })).toMatchObject({
      status: 200,
      deleted: true,
    });
    expect(await failure(answer("new"))).toMatchObject({ status: 404 });
    expect(await send("unload_lora_adapter", { lora_name: "tiny" })).toMatchObject({ status: 400 });
    expect((await fetch(post({}, {}, "/v1/nothing"))).status).toBe(404);
    const without = createServer({ models: createServedModels(served) });
    expect((await without.fetch(post(loading, {}, "/v1/load_lora_adapter"))).status).toBe(404);
  });
});
