/** Lists as OpenAI's client pages through them. */
import { mkdirSync, writeFileSync } from "node:fs";
import { appendFile } from "node:fs/promises";
import OpenAI, { APIError, toFile } from "openai";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { createServer, type Server } from "../create_server.ts";
import { createServedModels } from "../served_models.ts";
import { openFineTuning } from "./fine_tuning.ts";
import type { FineTuningJob } from "./job_store.ts";

const at = temporaryDirectory();
const COUNT = 7;
const FIRST = jobId(1);
let server: Server;
let client: OpenAI;

function jobId(i: number): string {
  return `ftjob-${String(i).padStart(32, "0")}`;
}

/** Jobs that are done: nothing of them runs. */
async function writeJobs(): Promise<void> {
  for (let i = 1; i <= COUNT; i++) {
    const job = {
      id: jobId(i),
      created_at: i,
      finished_at: i,
      status: "failed",
      model: "m",
    } as FineTuningJob;
    mkdirSync(at("jobs", job.id), { recursive: true });
    writeFileSync(at("jobs", job.id, "job.json"), JSON.stringify({ ...job, metadata: null }));
  }
  for (let i = 1; i <= COUNT; i++)
    for (const type of ["metrics", "checkpoint"]) {
      const event = { id: `ftevent-${type}-${i}`, created_at: i, type, data: { step: i, train_loss: i } };
      await appendFile(at("jobs", FIRST, "events.jsonl"), `${JSON.stringify(event)}\n`);
    }
}

beforeEach(async () => {
  await writeJobs();
  const fineTuning = await openFineTuning({
    directory: at(),
    modelPath: () => at(),
    startTraining: () => {
      throw new Error("nothing is to be trained");
    },
    serve: async () => {},
    unserve: async () => {},
    onError: () => {},
    bodyLimit: 1 << 20,
    fileLimit: 1 << 20,
  });
  server = createServer({ models: createServedModels([]), fineTuning });
  client = new OpenAI({
    apiKey: "none",
    baseURL: "http://localhost/v1",
    maxRetries: 0,
    fetch: (url, init) => server.fetch(new Request(url as string, init as RequestInit)),
  });
  for (let i = 1; i <= COUNT; i++)
    await client.files.create({ purpose: "fine-tune", file: await toFile(Buffer.from("{}"), `${i}.jsonl`) });
});
afterEach(() => server.close());

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i + 1);
type Query = { limit?: number; after?: string };
const { events, checkpoints, jobs } = {
  jobs: (query: Query) => client.fineTuning.jobs.list(query),
  events: (query: Query) => client.fineTuning.jobs.listEvents(FIRST, query),
  checkpoints: (query: Query) => client.fineTuning.jobs.checkpoints.list(FIRST, query),
};
const files = (query: Query & { order?: "asc" | "desc" }) => client.files.list(query);

const LISTS: [
  string,
  (query: Query) => ReturnType<typeof files | typeof jobs | typeof events | typeof checkpoints>,
][] = [
  ["jobs", jobs],
  ["events", events],
  ["checkpoints", checkpoints],
  ["files", files],
];

describe.each(LISTS)("%s", (_, list) => {
  test.each([1, 2, 3, COUNT, COUNT + 1])(
    "come once each, the newest first, in pages of %i",
    async (limit) => {
      const whole = (await list({ limit: 1000 })).data.map(({ id }) => id);
      expect(new Set(whole).size).toBe(COUNT);
      const pages: string[][] = [];
      for await (const page of (await list({ limit })).iterPages()) pages.push(page.data.map(({ id }) => id));
      expect(pages.flat()).toEqual(whole);
      expect(pages.map(({ length }) => length)).toEqual(
        numbers(Math.ceil(COUNT / limit)).map((page) => Math.min(limit, COUNT - (page - 1) * limit)),
      );
    },
  );

  test("what comes meanwhile moves no page", async () => {
    const first = await list({ limit: 3 });
    await writeAnother();
    const ids = [...first.data.map(({ id }) => id)];
    for await (const { id } of (await list({ limit: 3, after: ids.at(-1)! })) as AsyncIterable<{
      id: string;
    }>)
      ids.push(id);
    expect(ids).toHaveLength(COUNT);
    expect(new Set(ids).size).toBe(COUNT);
  });

  test.each<[object, string]>([
    [{ limit: 0 }, "limit"],
    [{ limit: -1 }, "limit"],
    [{ limit: 1.5 }, "limit"],
    [{ limit: "many" }, "limit"],
    [{ limit: "" }, "limit"],
    [{ limit: 1e9 }, "limit"],
    [{ after: "none" }, "after"],
    [{ after: "" }, "after"],
    [{ after: "../../x" }, "after"],
    [{ before: "x" }, "before"],
  ])("%j is refused", async (query, param) => {
    const error = await list(query as Query).then(
      () => undefined,
      (reason) => reason,
    );
    expect(error).toBeInstanceOf(APIError);
    const code = param === "before" ? "unknown_parameter" : "invalid_value";
    expect(error).toMatchObject({ status: 400, type: "invalid_request_error", param, code });
    expect(error.error).toEqual({ ...error.error, message: expect.stringContaining(`'${param}'`) });
  });
});

/** One more of each list. */
async function writeAnother(): Promise<void> {
  const id = jobId(99);
  mkdirSync(at("jobs", id));
  writeFileSync(at("jobs", id, "job.json"), JSON.stringify({ id, created_at: 99, metadata: null }));
  for (const type of ["metrics", "checkpoint"])
    await appendFile(
      at("jobs", FIRST, "events.jsonl"),
      `${JSON.stringify({ id: `ftevent-${type}-99`, created_at: 99, type, data: { step: 99 } })}\n`,
    );
  await client.files.create({ purpose: "fine-tune", file: await toFile(Buffer.from("{}"), "99.jsonl") });
}

test("files come in either order", async () => {
  const names = async (order: "asc" | "desc") => {
    const found: string[] = [];
    for await (const { filename } of client.files.list({ limit: 2, order })) found.push(filename);
    return found;
  };
  const expected = numbers(COUNT).map((i) => `${i}.jsonl`);
  expect(await names("asc")).toEqual(expected);
  expect(await names("desc")).toEqual(expected.toReversed());
  await expect(client.files.list({ order: "up" as "asc" })).rejects.toMatchObject({
    status: 400,
    param: "order",
  });
});

test.each(["events", "checkpoints"])("%s of a job that isn't there are not found", async (what) => {
  const asked =
    what === "events"
      ? client.fineTuning.jobs.listEvents(jobId(50))
      : client.fineTuning.jobs.checkpoints.list(jobId(50));
  await expect(asked).rejects.toMatchObject({ status: 404, code: "fine_tune_not_found" });
});
