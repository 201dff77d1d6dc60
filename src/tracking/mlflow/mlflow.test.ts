import { readFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import type { EvaluationEvent, StepEvent } from "../../training/events.ts";
import { startMlflow } from "../testing/mlflow_server.ts";
import { openMlflowTracker } from "./mlflow.ts";
import { mlflowServer } from "./server.ts";

const at = temporaryDirectory();
let server: Awaited<ReturnType<typeof startMlflow>>;
beforeEach(async () => {
  server = await startMlflow();
});
afterEach(() => server.close());

const step = (step: number, loss = 1 / step) => ({ type: "step", step, loss, metrics: {} }) as StepEvent;
const evaluation = {
  type: "evaluation",
  step: 3,
  evalLoss: 0.5,
  metrics: { exactMatch: 0.25 },
} as unknown as EvaluationEvent;
const end = { type: "end", reason: "completed", step: 3, path: "" } as const;
const settings = Array.from({ length: 150 }, (_, i) => [`key.${i}[x]`, "v".repeat(600)] as const);
const track = (from = 0) =>
  openMlflowTracker(mlflowServer({ url: server.url, experiment: "mine" }, {}), {
    path: at(),
    step: from,
    settings,
  });
const sent = () =>
  server.asked.filter(({ path }) => path.endsWith("log-batch")).flatMap(({ body }) => body.metrics ?? []);

describe("MLflow", () => {
  test("gets an experiment, a run, its settings, its figures and its end", async () => {
    const tracker = await track();
    for (const i of [1, 2, 3]) await tracker.see(step(i, i === 2 ? Number.NaN : undefined));
    await tracker.see(evaluation);
    await tracker.see(end);
    const paths = server.asked.map(({ path }) => path);
    expect(paths.slice(0, 3)).toEqual([
      "GET experiments/get-by-name",
      "POST experiments/create",
      "POST runs/create",
    ]);
    expect(server.asked[2]!.body).toMatchObject({ experiment_id: "7", start_time: expect.any(Number) });
    const params = server.asked.flatMap(({ body }) => body.params ?? []);
    expect(params).toHaveLength(150);
    expect(params[0]).toEqual({ key: "key.0_x_", value: "v".repeat(500) });
    expect(sent()).toMatchObject([
      { key: "train/loss", value: 1, step: 1, timestamp: expect.any(Number) },
      { key: "train/loss", value: 1 / 3, step: 3 }, // JSON has no NaN
      { key: "eval/loss", value: 0.5, step: 3 },
      { key: "eval/exactMatch", value: 0.25, step: 3 },
    ]);
    expect(server.asked.at(-1)).toMatchObject({
      path: "POST runs/update",
      body: { run_id: "r1", status: "FINISHED" },
    });
  });

  test("gets a thousand figures at once, at most", async () => {
    const tracker = await track();
    for (let i = 1; i <= 2500; i++) await tracker.see(step(i));
    await tracker.see(end);
    expect(sent()).toHaveLength(2500);
    const sizes = server.asked.flatMap(({ body }) => (body.metrics ? [body.metrics.length] : []));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1000);
    expect(sizes.length).toBeLessThan(10);
  });

  test("knows a run that goes on, and gets no step twice but the last", async () => {
    await (await track()).see(step(1));
    const first = await track();
    for (const i of [1, 2, 3]) await first.see(step(i));
    await first.see({ ...end, reason: "stopped" });
    expect(server.asked.at(-1)!.body).toMatchObject({ status: "KILLED" });
    server.asked.length = 0;
    const again = await track(2);
    for (const i of [2, 3, 4]) await again.see(step(i));
    await again.see(end);
    expect(sent().map(({ step }: { step: number }) => step)).toEqual([3, 4]);
    expect(server.asked.map(({ path }) => path)).not.toContain("POST runs/create");
    expect(server.asked[0]).toMatchObject({ path: "POST runs/update", body: { status: "RUNNING" } });
  });

  test("that fails is told of, keeps nothing waiting, and gets all later", async () => {
    server.state.refuse = true;
    const tracker = await track();
    await tracker.see(step(1));
    await expect(tracker.see(end)).rejects.toThrow(
      `${server.url}: it refused experiments/get-by-name; got 503: `,
    );
    server.state.refuse = false;
    await tracker.see(step(2));
    await tracker.see(end);
    expect(sent().map(({ step }: { step: number }) => step)).toEqual([1, 2]);
  });

  test("that is not there is told of", async () => {
    server.close();
    const tracker = await track();
    await tracker.see(step(1));
    await expect(tracker.see(end)).rejects.toThrow(`${server.url}: it can't be reached`);
  });

  test("gets the token of the environment, which stands in no file", async () => {
    const env = { MLFLOW_TRACKING_URI: `${server.url}/`, MLFLOW_TRACKING_TOKEN: "s3cret" };
    const tracker = await openMlflowTracker(mlflowServer({}, env), { path: at(), step: 0, settings });
    await tracker.see(step(1));
    await tracker.see(end);
    expect(new Set(server.asked.map(({ authorization }) => authorization))).toEqual(
      new Set(["Bearer s3cret"]),
    );
    expect(readFileSync(at("mlflow.json"), "utf8")).not.toContain("s3cret");
    expect(server.asked[0]!.body).toEqual({ experiment_name: "attune" });
  });
});

describe("a server", () => {
  test.each([
    [{}, {}, /no server is named. Give its address/],
    [{ url: "mine" }, {}, /expected an http/],
    [{}, { MLFLOW_TRACKING_URI: "databricks" }, /MLFLOW_TRACKING_URI: expected an http/],
    [{ url: "file:///mlruns" }, {}, /got file:/],
    [{ url: "http://me:s3cret@host" }, {}, /holds a name or password/],
  ])("%j with %j is refused", (settings, env, message) => {
    expect(() => mlflowServer(settings, env)).toThrow(message);
    expect(() => mlflowServer(settings, env)).not.toThrow(/s3cret/);
  });

  test("may ask for a name and a password", () => {
    const env = { MLFLOW_TRACKING_USERNAME: "me", MLFLOW_TRACKING_PASSWORD: "pw" };
    expect(mlflowServer({ url: "https://host/mlflow/" }, env)).toEqual({
      url: "https://host/mlflow",
      experiment: "attune",
      authorization: "Basic bWU6cHc=",
    });
  });
});
