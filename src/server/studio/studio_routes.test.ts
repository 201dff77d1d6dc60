import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { createServer, type Server } from "../create_server.ts";
import { openFineTuning } from "../jobs/fine_tuning.ts";
import { createServedModels, type ServedModel } from "../served_models.ts";
import { openStudio } from "./studio_routes.ts";

const MODEL = fileURLToPath(new URL("../../../demo/base", import.meta.url));
const ID = `ftjob-${"0".repeat(31)}1`;
const base = { id: "base", adapter: null, created: 0 } as unknown as ServedModel;
const formats = [
  { name: "gguf", summary: "", types: ["f16", "q8_0"], ending: ".gguf" },
  { name: "peft", summary: "", types: [] },
];
const at = temporaryDirectory();
let server: Server;
/** What the command line was asked, and what it does. */
let started: string[][];
let script: string;
/** What the training prints, and the adapters that are served afterwards. */
let trained: object;
let adapters: string[];

const start = (words: readonly string[]): ChildProcess => {
  started.push([...words]);
  return spawn(process.execPath, ["-e", script], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
};

beforeEach(async () => {
  started = [];
  script = "";
  trained = {};
  adapters = [];
  const fineTuning = await openFineTuning({
    directory: at(),
    modelPath: () => MODEL,
    startTraining: () =>
      spawn(process.execPath, ["-e", `console.log(${JSON.stringify(JSON.stringify(trained))})`], {
        stdio: ["ignore", "pipe", "inherit"],
      }),
    serve: async (_, adapter) => void adapters.push(adapter),
    unserve: async () => void adapters.pop(),
    onError: () => {},
    bodyLimit: 1 << 20,
    fileLimit: 1 << 20,
  });
  const studio = openStudio({ fineTuning, start, formats, bodyLimit: 1 << 20 });
  server = createServer({ models: createServedModels([base]), fineTuning, studio });
});
afterEach(() => server.close());

async function ask(path: string, body?: unknown) {
  const init = body === undefined ? {} : postOf(body);
  const response = await server.fetch(new Request(`http://localhost${path}`, init));
  // biome-ignore lint/suspicious/noExplicitAny: each test says what it looks at
  return { status: response.status, body: (await response.json()) as any };
}

const postOf = (body: unknown): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

async function upload(name: string, content: string): Promise<string> {
  const form = new FormData();
  form.append("purpose", "fine-tune");
  form.append("file", new File([content], name));
  const response = await server.fetch(
    new Request("http://localhost/v1/files", { method: "POST", body: form }),
  );
  return ((await response.json()) as { id: string }).id;
}

const rows = Array.from({ length: 12 }, (_, i) => ({ instruction: `Say ${i}.`, output: `It is ${i}.` }));
const lines = (all: readonly object[]) => all.map((row) => JSON.stringify(row)).join("\n");
const recipe = { adapter: { type: "lora" }, training: { epochs: 1, batchSize: 4 } };

describe("files", () => {
  const sent = async (fields: Record<string, string>) => {
    const form = new FormData();
    for (const [key, value] of Object.entries(fields)) form.append(key, value);
    form.append("file", new File(["{}"], "rows.jsonl"));
    const request = new Request("http://localhost/v1/files", { method: "POST", body: form });
    const response = await server.fetch(request);
    return [response.status, ((await response.json()) as { error?: { param: string } }).error?.param];
  };

  test("are listed by purpose and in both orders; what isn't kept of a file is refused", async () => {
    const [a, b] = [await upload("a.jsonl", "{}"), await upload("b.jsonl", "{}")];
    const listed = async (query: string) =>
      (await ask(`/v1/files?${query}`)).body.data.map(({ id }: { id: string }) => id);
    expect(await listed("")).toEqual([b, a]);
    expect(await listed("order=asc&purpose=fine-tune")).toEqual([a, b]);
    expect(await listed("purpose=batch")).toEqual([]);
    expect(await sent({ purpose: "batch" })).toEqual([400, "purpose"]);
    expect(await sent({ purpose: "fine-tune", "expires_after[seconds]": "3600" })).toEqual([
      400,
      "expires_after[seconds]",
    ]);
  });
});

describe("a plan", () => {
  test("a recipe is suggested for a file, with reasons; it is one that a job takes", async () => {
    const training_file = await upload("rows.jsonl", lines(rows));
    const { body } = await ask("/attune/recipe/suggest", { model: "base", training_file, held_out: 0.25 });
    expect(body.survey).toMatchObject({ rows: 12, kinds: { conversation: 12 }, unusable: 0 });
    expect(body.recipe).toMatchObject({
      stage: "instruct",
      adapter: { type: "lora" },
      evaluation: { fraction: 0.25, generate: 6 },
    });
    expect(body.reasons["training.epochs"]).toMatch(/examples/);
    expect(JSON.stringify(body)).not.toContain(at());
    const checked = await ask("/attune/recipe/check", { recipe: body.recipe });
    expect(checked.body.faults).toEqual([]);
    expect(checked.body.yaml).toMatch(/^stage: instruct\n/);
  });

  test("what is trained is shown token by token, and rows that can't be used by their numbers", async () => {
    const bad = [...rows.slice(0, 2), { instruction: "Say three.", output: 3 }];
    const training_file = await upload("bad.jsonl", lines(bad));
    const { body } = await ask("/attune/data/check", { model: "base", training_file, recipe, rows: 1 });
    expect(body.unusable).toMatchObject([{ count: 1, rows: [3] }]);
    expect(body).toMatchObject({ read: 3, kept: 2, refused: [] });
    expect(JSON.stringify(body)).not.toContain(at());
    const [{ pieces, trained }] = body.preview;
    const learned = pieces.filter(({ weight }: { weight: number }) => weight > 0);
    expect(learned).toHaveLength(trained);
    expect(learned.map(({ text }: { text: string }) => text).join("")).toBe("It is 0.<|im_end|>");
  });

  test("errors name a file as its owner does", async () => {
    const training_file = await upload("my own.jsonl", '{"a": 1}\n');
    const asked = { model: "base", training_file };
    const { status, body } = await ask("/attune/recipe/suggest", asked);
    expect([status, body.error.message]).toEqual([400, expect.stringContaining("my own.jsonl")]);
    expect(body.error.message).not.toContain(at());
    expect(body.error.code).toMatch(/^data\./);
  });

  test("a table is read by its ending, and by the columns that are named", async () => {
    const training_file = await upload("faq.csv", 'ask,reply\n"Who, exactly?",Me\nWhere?,Here\n');
    const columns = { instruction: "ask", output: "reply" };
    const { body } = await ask("/attune/recipe/suggest", { model: "base", training_file, columns });
    expect(body.recipe.data).toEqual([{ columns }]);
    const checked = await ask("/attune/data/check", { model: "base", training_file, recipe: body.recipe });
    expect(checked.body.kept).toBe(2);
  });

  test("an estimate says what it takes, without running anything", async () => {
    const training_file = await upload("rows.jsonl", lines(rows));
    const { body } = await ask("/attune/estimate", { model: "base", training_file, recipe });
    expect(body).toMatchObject({ steps: 3, measured: false, fits: true });
    expect(body.peakMemoryBytes).toBeGreaterThan(1e7);
  });

  test.each([
    ["output", { output: "/etc" }],
    ["model", { model: "/other" }],
    ["tracking", { tracking: ["mlflow"] }],
    ["data.0.path", { data: [{ path: "/etc/passwd" }] }],
    ["adapter.path", { adapter: { path: "/other" } }],
    ["evaluation.path", { evaluation: { path: "/etc/passwd" } }],
    ["evaluation.scores", { evaluation: { fraction: 0.1, scores: { function: "/tmp/evil.mjs" } } }],
    ["evaluation.forgetting", { evaluation: { fraction: 0.1, forgetting: [{ path: "/etc/passwd" }] } }],
    ["template", { template: "/tmp/evil.jinja" }],
    ["data", { data: [{}, {}] }],
  ])("a client's recipe may not say %s", async (place, own) => {
    const { body } = await ask("/attune/recipe/check", { recipe: own });
    expect(body.faults).toMatchObject([{ code: "server.recipe-key", place }]);
    const training_file = await upload("rows.jsonl", lines(rows));
    const job = await ask("/v1/fine_tuning/jobs", { model: "base", training_file, recipe: own });
    expect([job.status, job.body.error.code]).toEqual([400, "server.recipe-key"]);
  });

  test("the schema has what a client may say, and nothing else", async () => {
    const { body } = await ask("/attune/recipe.schema.json");
    expect(body.properties).not.toHaveProperty("output");
    expect(body.properties.evaluation.properties).not.toHaveProperty("path");
    expect(body.properties.data.items.properties).not.toHaveProperty("path");
    expect(body.properties.training.properties.epochs.description).toMatch(/Times through the data/);
    expect(JSON.stringify(body.properties.adapter)).not.toContain('"path"');
  });

  test("wrong settings are listed by their keys", async () => {
    const { body } = await ask("/attune/recipe/check", { recipe: { training: { epochs: -1, rate: 2 } } });
    expect(body.faults.map(({ place }: { place: string }) => place).sort()).toEqual([
      "training.epochs",
      "training.rate",
    ]);
  });
});

describe("a job with a recipe", () => {
  test("keeps it, and stands beside no hyperparameters", async () => {
    const training_file = await upload("rows.jsonl", lines(rows));
    const asked = { model: "base", training_file, recipe: { ...recipe, seed: 5 } };
    const { body: job } = await ask("/v1/fine_tuning/jobs", asked);
    expect(job).toMatchObject({ status: "queued", seed: 5, recipe: asked.recipe });
    const { body: plain } = await ask("/v1/fine_tuning/jobs", { ...asked, recipe });
    expect(plain.seed).toBe(42); // as attune train: runs that are compared hold out the same rows
    const both = await ask("/v1/fine_tuning/jobs", { ...asked, hyperparameters: { n_epochs: 1 } });
    expect([both.status, both.body.error.param]).toEqual([400, "hyperparameters"]);
  });
});

describe("a job that is done", () => {
  const done = async (own: object) => {
    trained = { type: "end", reason: "completed", step: 3, path: "the result" };
    const training_file = await upload("rows.jsonl", lines(rows));
    const asked = { model: "base", training_file, suffix: "mine", recipe: own };
    const { id } = (await ask("/v1/fine_tuning/jobs", asked)).body;
    for (;;) {
      const { body } = await ask(`/v1/fine_tuning/jobs/${id}`);
      if (body.status !== "queued" && body.status !== "running") return body;
      await new Promise((pause) => setTimeout(pause, 20));
    }
  };

  test("is served by its adapter", async () => {
    const job = await done(recipe);
    expect([job.status, job.fine_tuned_model]).toEqual([
      "succeeded",
      expect.stringMatching(/^ft:base:mine:/),
    ]);
    expect(adapters).toEqual(["the result"]);
  });

  test("is no adapter where it trained the model's own weights, and says what to do with them", async () => {
    const job = await done({ training: { maxSteps: 1 } });
    expect([job.status, job.fine_tuned_model, adapters]).toEqual(["succeeded", null, []]);
    const { body } = await ask(`/v1/fine_tuning/jobs/${job.id}/events`);
    expect(JSON.stringify(body.data)).toContain("attune serve ");
  });

  test("fails in the words of who uploaded the file", async () => {
    const training_file = await upload("rows of mine.jsonl", lines(rows));
    const file = await ask(`/v1/files/${training_file}`);
    expect(file.body.filename).toBe("rows of mine.jsonl");
    const path = at("files", training_file, "content.jsonl");
    trained = { type: "error", code: "data.unusable-rows", message: `${path} row 1: wrong` };
    const { body: job } = await ask("/v1/fine_tuning/jobs", { model: "base", training_file, recipe });
    await expect
      .poll(async () => (await ask(`/v1/fine_tuning/jobs/${job.id}`)).body.error?.message, {
        timeout: 20_000,
      })
      .toBe("rows of mine.jsonl row 1: wrong");
  });
});

describe("runs", () => {
  beforeEach(() => writeRun(ID, { status: "succeeded" }));

  test("are listed, with where they are", async () => {
    const { body } = await ask("/attune/runs");
    expect(body.data).toMatchObject([{ job: { id: ID }, step: 2, loss: 1.5, held_out_loss: 1.25 }]);
  });

  test("are told from a step on, or all of it where they have gone back behind it", async () => {
    const viewFrom = async (from: number | string) => (await ask(`/attune/runs/${ID}?from=${from}`)).body;
    expect(await viewFrom(2)).toMatchObject({ from: 2, curves: { loss: { steps: [2], values: [1.5] } } });
    expect(await viewFrom(7)).toMatchObject({ from: 0, curves: { loss: { steps: [1, 2] } } });
    expect((await viewFrom("-1")).error).toMatchObject({ param: "from", code: "invalid_value" });
    writeFileSync(join(at(), "jobs", ID, "run", "metrics.jsonl"), '{"step":3,"loss":1}\n', { flag: "a" });
    expect(await viewFrom(2)).toMatchObject({
      from: 2,
      curves: { loss: { steps: [2, 3], values: [1.5, 1] } },
    });
  });

  test("have curves, answers and scores", async () => {
    const { body } = await ask(`/attune/runs/${ID}`);
    expect(body.curves.loss).toEqual({ steps: [1, 2], values: [2, 1.5] });
    expect(body.progress).toMatchObject({ step: 2, tokens_per_second: 20 });
    expect(body.answers).toMatchObject([{ step: 2, samples: [{ question: "Say 1." }] }]);
    expect(body.recipe).not.toHaveProperty("output");
    expect(body.exports).toEqual([]);
    expect((await ask("/attune/runs/..%2F..")).status).toBe(404);
  });

  test("are compared by their names", async () => {
    const other = `ftjob-${"0".repeat(31)}2`;
    writeRun(other, { status: "succeeded", epochs: 5 });
    const { body } = await ask(`/attune/runs/compare?ids=${ID},${other}`);
    expect(body.runs.map(({ name }: { name: string }) => name)).toEqual(["mine · 0001", "mine · 0002"]);
    expect(body.differences).toMatchObject({ "training.epochs": ["1", "5"] });
    expect((await ask("/attune/runs/compare")).status).toBe(400);
    expect((await ask(`/attune/runs/compare?ids=${ID},ftjob-x`)).status).toBe(404);
  });

  test("are evaluated in a process of their own, which says how far it is", async () => {
    script = "process.send({ progress: 0.5 }); process.on('message', () => {}); process.channel.ref()";
    const { body: task } = await ask(`/attune/runs/${ID}/evaluate`, { generate: 3 });
    await until(task.id, ({ progress }) => progress === 0.5);
    expect(started).toEqual([["eval", at("jobs", ID, "run"), "--json", "--generate", "3"]]);
    expect((await ask(`/attune/tasks/${task.id}/cancel`, {})).body.status).toBe("cancelled");
    expect((await ask("/attune/tasks")).body.data).toMatchObject([{ id: task.id, status: "cancelled" }]);
  });

  test("are exported below their own directory alone", async () => {
    const { body: task } = await ask(`/attune/runs/${ID}/export`, { format: "gguf" });
    const path = at("jobs", ID, "exports", "gguf-f16.gguf");
    expect(task.details).toEqual({ format: "gguf", type: "f16", path });
    await until(task.id, ({ status }) => status === "succeeded");
    expect(started[0]).toEqual([
      ...["export", at("jobs", ID, "run"), "--format", "gguf", "--type", "f16", "--out", path],
    ]);
    write(path, "model");
    expect((await ask(`/attune/runs/${ID}`)).body.exports).toEqual([
      { name: "gguf-f16.gguf", path, bytes: 5 },
    ]);
    expect((await ask(`/attune/runs/${ID}/export`, { format: "gguf" })).status).toBe(409);
    for (const wrong of [
      { format: "../x" },
      { format: "gguf", type: "../../x" },
      { format: "peft", type: "f16" },
    ])
      expect((await ask(`/attune/runs/${ID}/export`, wrong)).status).toBe(400);
    expect((await ask(`/attune/runs/${ID}/export`, { format: "peft", out: "/tmp/x" })).status).toBe(400);
  });

  const get = (path: string, method = "GET") =>
    server.fetch(new Request(`http://localhost/attune/runs/${path}`, { method }));

  test("exports are taken away: a file as it is, a directory as an archive, and nothing else", async () => {
    const exports = at("jobs", ID, "exports");
    mkdirSync(join(exports, "peft"), { recursive: true });
    writeFileSync(join(exports, "gguf-f16.gguf"), "GGUF and more");
    writeFileSync(join(exports, "peft", "adapter_config.json"), "{}");
    symlinkSync("/etc/passwd", join(exports, "link"));
    const file = await get(`${ID}/exports/gguf-f16.gguf`);
    expect(await file.text()).toBe("GGUF and more");
    expect(file.headers.get("content-length")).toBe("13");
    expect(file.headers.get("content-disposition")).toBe("attachment; filename*=UTF-8''gguf-f16.gguf");
    const archive = Buffer.from(await (await get(`${ID}/exports/peft`)).arrayBuffer());
    expect(archive.toString("latin1", 0, 24)).toBe("peft/adapter_config.json");
    for (const name of [
      "other",
      "link",
      "..%2Fjob.json",
      "..%2F..",
      "%2Fetc%2Fpasswd",
      ".",
      "peft%2Fadapter_config.json",
    ])
      expect((await get(`${ID}/exports/${name}`)).status, name).toBe(404);
    expect((await get(`${ID.replace("1", "2")}/exports/peft`)).status).toBe(404);
  });

  test("are removed with all they made, unless they are worked on", async () => {
    script = "setTimeout(() => {}, 60_000)";
    const { body: task } = await ask(`/attune/runs/${ID}/export`, { format: "peft" });
    expect((await get(ID, "DELETE")).status).toBe(409);
    await ask(`/attune/tasks/${task.id}/cancel`, {});
    await until(task.id, ({ status }) => status === "cancelled");
    adapters = ["served"];
    expect(await (await get(ID, "DELETE")).json()).toMatchObject({ id: ID, deleted: true });
    expect(existsSync(at("jobs", ID))).toBe(false);
    expect(adapters).toEqual([]);
    expect((await get(ID)).status).toBe(404);
    expect((await get(ID, "DELETE")).status).toBe(404);
    expect((await ask("/attune/runs")).body.data).toEqual([]);
  });

  test("a process that fails says why", async () => {
    script = "console.error('warning: slow\\nerror: there is no room'); process.exitCode = 1";
    const { body: task } = await ask(`/attune/runs/${ID}/export`, { format: "peft" });
    const failed = await until(task.id, ({ status }) => status === "failed");
    expect(failed.error).toEqual({ code: "task_failed", message: "there is no room" });
  });

  test("what isn't tuned yet is not evaluated", async () => {
    writeRun(ID, { status: "running" });
    const { status, body } = await ask(`/attune/runs/${ID}/evaluate`, {});
    expect([status, body.error.code]).toEqual([400, "job_not_done"]);
    expect(existsSync(at("jobs", ID, "exports"))).toBe(false);
  });
});

test("a server without a place for jobs says so, and has no plans", async () => {
  const studio = openStudio({ start, formats, bodyLimit: 100 });
  const small = createServer({ models: createServedModels([base]), studio });
  const about = await small.fetch(new Request("http://localhost/attune/about"));
  expect(await about.json()).toMatchObject({ has_jobs: false, formats });
  expect((await small.fetch(new Request("http://localhost/attune/estimate", postOf({})))).status).toBe(404);
});

interface TaskState {
  status: string;
  progress: number | null;
  error: unknown;
}

async function until(id: string, isIt: (task: TaskState) => boolean): Promise<TaskState> {
  for (;;) {
    const { body } = await ask(`/attune/tasks/${id}`);
    if (isIt(body)) return body;
    await new Promise((done) => setTimeout(done, 20));
  }
}

function write(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** A job's directory as a run leaves it. */
function writeRun(id: string, { status, epochs = 1 }: { status: string; epochs?: number }): void {
  const job = {
    id,
    status,
    created_at: 1,
    model: "base",
    fine_tuned_model: null,
    user_provided_suffix: "mine",
  };
  const step = { epoch: 1, learningRate: 1e-4, tokens: 10, seconds: 0.5 };
  const sample = { task: "content", question: "Say 1.", references: ["It is 1."], tuned: "It is 1." };
  const files = {
    "job.json": job,
    "run/recipe.json": { model: MODEL, data: [{ path: "x.jsonl" }], training: { epochs }, output: "out" },
    "run/metrics.jsonl": [
      { step: 1, loss: 2, ...step },
      { step: 2, loss: 1.5, ...step },
      { step: 2, evalLoss: 1.25 },
    ],
    "run/samples.jsonl": [{ step: 2, samples: [sample] }],
  };
  for (const [name, value] of Object.entries(files))
    write(join(at("jobs", id), name), Array.isArray(value) ? `${lines(value)}\n` : JSON.stringify(value));
}
