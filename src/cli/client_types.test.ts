/** All that `attune serve` sends is held to the types of OpenAI's client, by TypeScript. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import OpenAI, { toFile } from "openai";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { typeFaults } from "../server/testing/client_types.ts";
import { recordSent } from "../server/testing/record_sent.ts";
import { startCli } from "./testing/run_cli.ts";

const fromHere = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const at = temporaryDirectory();
const model = "base";
const messages = [{ role: "user" as const, content: "Say red." }];
const parameters = {
  type: "object",
  properties: { colour: { enum: ["red", "blue"] } },
  required: ["colour"],
  additionalProperties: false,
};

const TOOLS = "{% for tool in tools or [] %}{{ tool.function.name }} {% endfor %}";

/** The demo's model, with a template that writes tools. */
function modelWithTools(): string {
  const path = join(at(), model);
  cpSync(fromHere("../../demo/base"), path, { recursive: true });
  const template = join(path, "chat_template.jinja");
  writeFileSync(template, TOOLS + readFileSync(template, "utf8"));
  return path;
}

async function serve() {
  const jobs = join(at(), "jobs");
  const words = ["serve", "-m", modelWithTools(), "--port", "0", "--threads", "1", "--jobs", jobs];
  const running = startCli(words);
  let printed = "";
  running.process.stdout!.on("data", (text) => {
    printed += text;
  });
  await running.printed(/curl .*\n/);
  const recorded = recordSent(fetch);
  const baseURL = /at (http:\S+)/.exec(printed)![1]!;
  const client = new OpenAI({ baseURL, apiKey: "none", maxRetries: 0, fetch: recorded.fetch });
  return { running, client, sent: recorded.sent };
}

/** Reads to the end, whatever it is. */
async function all<T>(pieces: PromiseLike<AsyncIterable<T>>): Promise<T[]> {
  const read: T[] = [];
  for await (const piece of await pieces) read.push(piece);
  return read;
}

async function askChats({ chat }: OpenAI): Promise<void> {
  const asked = { model, messages, max_tokens: 80, n: 2, logprobs: true, top_logprobs: 2 };
  const tool = { type: "function" as const, function: { name: "paint", parameters } };
  const format = {
    type: "json_schema" as const,
    json_schema: { name: "x", schema: parameters, strict: true },
  };
  for (const more of [
    {},
    { max_tokens: 1 },
    { stop: "e" },
    { tools: [tool], tool_choice: "required" as const },
    { response_format: format },
  ]) {
    await chat.completions.create({ ...asked, ...more });
    const stream_options = { include_usage: true };
    await all(chat.completions.create({ ...asked, ...more, stream: true, stream_options }));
    await all(
      chat.completions.create({ ...asked, ...more, logprobs: false, top_logprobs: null, stream: true }),
    );
  }
}

async function askCompletions({ completions }: OpenAI): Promise<void> {
  for (const more of [{}, { logprobs: 2, echo: true }, { max_tokens: 0, echo: true, logprobs: 1 }]) {
    const asked = { model, prompt: ["The cat", "A dog"], max_tokens: 3, n: 2, ...more };
    await completions.create(asked);
    await all(completions.create({ ...asked, stream: true, stream_options: { include_usage: true } }));
  }
}

async function askResponses({ responses }: OpenAI): Promise<void> {
  const tool = { type: "function" as const, name: "paint", parameters, strict: true };
  const loose = { ...tool, description: "Paints.", parameters: null, strict: null };
  const format = { type: "json_schema" as const, name: "x", schema: parameters, strict: true };
  const choices = ["required", "auto", "none", { type: "function", name: "paint" }] as const;
  for (const more of [
    {},
    { max_output_tokens: 1, instructions: "Be brief.", metadata: { a: "b" }, temperature: 0.5, top_p: 0.9 },
    { text: { format } },
    { text: { format: { type: "json_object" as const } } },
    ...choices.map((tool_choice) => ({ tools: [tool, loose], tool_choice })),
  ]) {
    const asked = { model, input: "Say red.", max_output_tokens: 80, ...more };
    await responses.create(asked);
    await all(responses.create({ ...asked, stream: true }));
  }
}

const rows = (text: string) =>
  toFile(
    Buffer.from(
      Array.from({ length: 12 }, (_, i) =>
        JSON.stringify({ instruction: `${text} ${i}.`, output: "Yes." }),
      ).join("\n"),
    ),
    "rows.jsonl",
  );

async function tune({ files, fineTuning: { jobs }, models }: OpenAI): Promise<void> {
  const file = await files.create({ purpose: "fine-tune", file: await rows("Say") });
  await files.retrieve(file.id);
  const hyperparameters = { n_epochs: 2, batch_size: 4 };
  const asked = { model, training_file: file.id, seed: 1 };
  const jobOf = async (more: object) => (await jobs.create({ ...asked, ...more })).id;
  const ended = async (id: string) => {
    for (;;) {
      const job = await jobs.retrieve(id);
      if (job.finished_at !== null) return job;
      await new Promise((done) => setTimeout(done, 200));
    }
  };
  const tuned = await ended(
    await jobOf({
      validation_file: file.id,
      suffix: "mine",
      metadata: { a: "b" },
      method: { type: "supervised", supervised: { hyperparameters } },
    }),
  );
  expect(tuned.error).toBe(null);
  await all(jobs.listEvents(tuned.id, { limit: 5 }));
  expect((await all(jobs.checkpoints.list(tuned.id))).length).toBeGreaterThan(0);
  await models.list();
  await models.retrieve(tuned.fine_tuned_model!);
  const wrong = await ended(await jobOf({ method: { type: "dpo" } })); // its file has no pairs
  expect(wrong).toMatchObject({ status: "failed", error: { message: expect.any(String) } });
  await all(jobs.listEvents(wrong.id));
  const own = await jobOf({
    recipe: { objective: { type: "orpo" }, adapter: { type: "lora", r: 4 } },
  });
  await jobs.pause(own).catch(() => {});
  await jobs.resume(own).catch(() => {});
  await jobs.cancel(own).catch(() => {});
  await all(jobs.list({ limit: 1 }));
  await all(files.list());
  await models.delete(tuned.fine_tuned_model!);
  await files.delete(file.id);
}

async function askWrongly({
  chat,
  completions,
  responses,
  files,
  fineTuning,
  models,
}: OpenAI): Promise<void> {
  const failed = async (asked: PromiseLike<unknown>) =>
    expect(Promise.resolve(asked)).rejects.toBeInstanceOf(OpenAI.APIError);
  await failed(models.retrieve("none"));
  await failed(chat.completions.create({ model: "none", messages }));
  await failed(chat.completions.create({ model, messages: [] }));
  await failed(completions.create({ model, prompt: [9999999] }));
  await failed(responses.create({ model, input: "x", previous_response_id: "resp_1" }));
  await failed(files.retrieve("file-1"));
  await failed(fineTuning.jobs.retrieve("ftjob-1"));
  await failed(fineTuning.jobs.create({ model, training_file: "file-1" }));
}

test("all that is sent has the types of the client", { timeout: 240_000 }, async () => {
  const { running, client, sent } = await serve();
  for (const asks of [askChats, askCompletions, askResponses, tune, askWrongly]) await asks(client);
  running.process.kill("SIGTERM");
  await running.ended;
  const values = await sent();
  expect([...new Set(values.map(({ type }) => type))].sort()).toEqual(
    [
      ...[
        "Chat",
        "ChatChunk",
        "CheckpointList",
        "Completion",
        "CompletionChunk",
        "EventList",
        "Failure",
        "FileDeleted",
        "FileList",
      ],
      ...[
        "FileObject",
        "Job",
        "JobList",
        "ModelDeleted",
        "ModelList",
        "Model",
        "ResponseEvent",
        "SentResponse",
      ],
    ].sort(),
  );
  expect(typeFaults(values)).toEqual([]);
});

test("a value that lacks a field, or has one of a wrong kind or too much, is found", () => {
  const right = { id: "m", object: "model", created: 1, owned_by: "attune" };
  const { owned_by: _, ...lacking } = right;
  const wrong = [lacking, { ...right, created: "1" }, { ...right, more: 1 }];
  const faults = typeFaults([right, ...wrong].map((value) => ({ type: "Model", value })));
  expect(faults).toHaveLength(3);
  expect(faults[0]).toContain("owned_by");
});
