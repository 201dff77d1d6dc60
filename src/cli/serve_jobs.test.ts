/** A job from upload to talking with the result, the server killed in the middle. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import OpenAI, { toFile } from "openai";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { type RunningCli, startCli } from "./testing/run_cli.ts";

const MODEL = fileURLToPath(new URL("../../demo/base", import.meta.url));
const at = temporaryDirectory();
const rows = Array.from({ length: 24 }, (_, i) =>
  JSON.stringify({
    messages: [
      { role: "user", content: `Say ${i}.` },
      { role: "assistant", content: `Number ${i % 3} it is.` },
    ],
  }),
).join("\n");

async function serve(directory: string): Promise<{ running: RunningCli; client: OpenAI }> {
  const running = startCli(["serve", "-m", MODEL, "--port", "0", "--threads", "1", "--jobs", directory]);
  let printed = "";
  running.process.stdout!.on("data", (text) => {
    printed += text;
  });
  await running.printed(/curl .*\n/);
  const baseURL = /at (http:\S+)/.exec(printed)![1]!;
  return { running, client: new OpenAI({ baseURL, apiKey: "none", maxRetries: 0 }) };
}

async function until(client: OpenAI, id: string, isIt: (job: OpenAI.FineTuning.FineTuningJob) => boolean) {
  for (;;) {
    const job = await client.fineTuning.jobs.retrieve(id);
    if (isIt(job)) return job;
    await new Promise((done) => setTimeout(done, 100));
  }
}

const begin = async (client: OpenAI) => {
  const file = await client.files.create({
    purpose: "fine-tune",
    file: await toFile(Buffer.from(rows), "../../evil.jsonl"),
  });
  return client.fineTuning.jobs.create({
    model: "base",
    training_file: file.id,
    suffix: "mine",
    seed: 7,
    method: { type: "supervised", supervised: { hyperparameters: { n_epochs: 20, batch_size: 4 } } },
  });
};
const adapterOf = (directory: string, id: string) =>
  readFileSync(`${directory}/jobs/${id}/run/adapter/adapter_model.safetensors`);

test("a job whose server is killed goes on, to the same result, and is served at once", {
  timeout: 240_000,
}, async () => {
  const first = await serve(at("killed"));
  const job = await begin(first.client);
  expect(job).toMatchObject({ object: "fine_tuning.job", status: "queued", seed: 7 });
  const hasSteps = async () =>
    (await first.client.fineTuning.jobs.listEvents(job.id)).data.some(({ type }) => type === "metrics");
  while (!(await hasSteps())) await new Promise((done) => setTimeout(done, 50));
  first.running.process.kill("SIGKILL");
  await first.running.ended;

  const second = await serve(at("killed"));
  const { client } = second;
  const done = await until(client, job.id, ({ status }) => status === "succeeded" || status === "failed");
  expect(done.error).toBe(null);
  expect(done.fine_tuned_model).toMatch(/^ft:base:mine:\w{8}$/);
  const answer = await client.chat.completions.create({
    model: done.fine_tuned_model!,
    messages: [{ role: "user", content: "Say 3." }],
    max_tokens: 4,
  });
  expect(answer.model).toBe(done.fine_tuned_model);
  const events = (await client.fineTuning.jobs.listEvents(job.id, { limit: 1000 })).data;
  const steps = events
    .filter(({ type }) => type === "metrics")
    .map(({ data }) => (data as { step: number }).step);
  expect([...steps].sort((a, b) => a - b)).toEqual(Array.from({ length: 120 }, (_, i) => i + 1));
  expect(events.some(({ message }) => /goes on from step/.test(message))).toBe(true);
  expect((await client.files.list()).data).toMatchObject([{ filename: "evil.jsonl", purpose: "fine-tune" }]);
  const again = await begin(client);
  await until(client, again.id, ({ status }) => status === "succeeded");
  expect(adapterOf(at("killed"), job.id).equals(adapterOf(at("killed"), again.id))).toBe(true);
  expect(await client.models.delete(done.fine_tuned_model!)).toMatchObject({ deleted: true });
  await expect(client.models.retrieve(done.fine_tuned_model!)).rejects.toMatchObject({ status: 404 });
  expect((await client.fineTuning.jobs.retrieve(job.id)).fine_tuned_model).toBe(null);
  await expect(client.models.delete("base")).rejects.toMatchObject({ status: 400, param: "model" });
  second.running.process.kill("SIGTERM");
  expect(await second.running.ended).toMatchObject({ code: 143 });
});

test("a job is paused, resumed and cancelled; what can't be is refused", { timeout: 120_000 }, async () => {
  const { running, client } = await serve(at("paused"));
  const job = await begin(client);
  await until(client, job.id, ({ status }) => status === "running");
  expect((await client.fineTuning.jobs.pause(job.id)).status).toBe("paused");
  expect((await client.fineTuning.jobs.retrieve(job.id)).status).toBe("paused");
  await expect(client.files.delete(job.training_file)).rejects.toMatchObject({ code: "file_in_use" });
  expect((await client.fineTuning.jobs.resume(job.id)).status).toBe("queued");
  await until(client, job.id, ({ status }) => status === "running");
  expect((await client.fineTuning.jobs.cancel(job.id)).status).toBe("cancelled");
  await expect(client.fineTuning.jobs.resume(job.id)).rejects.toMatchObject({
    status: 400,
    code: "invalid_resume_request",
  });
  await expect(client.fineTuning.jobs.retrieve("../../x")).rejects.toMatchObject({ status: 404 });
  await expect(client.files.retrieve("file-1")).rejects.toMatchObject({ status: 404 });
  const wrong = { model: "base", training_file: "file-1" };
  await expect(client.fineTuning.jobs.create(wrong)).rejects.toMatchObject({
    status: 400,
    param: "training_file",
  });
  const wandb = [{ type: "wandb" as const, wandb: { project: "x" } }];
  await expect(client.fineTuning.jobs.create({ ...wrong, integrations: wandb })).rejects.toMatchObject({
    status: 400,
    param: "integrations",
  });
  await client.files.delete(job.training_file); // nothing needs it any more
  const { data } = await client.fineTuning.jobs.list();
  expect(data.map(({ id, status }) => [id, status])).toEqual([[job.id, "cancelled"]]);
  running.process.kill("SIGTERM");
  await running.ended;
});
