import { existsSync, readdirSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { startMlflow } from "../tracking/testing/mlflow_server.ts";
import { messageOf, runToEnd, smallRecipe } from "./testing/runs.ts";

const at = temporaryDirectory();
const recipe = (tracking: NonNullable<Parameters<typeof smallRecipe>[1]>["tracking"]) =>
  smallRecipe(at("run"), { tracking, training: { maxSteps: 2 } });

test("a run is tracked by all that its recipe names; it may name others later", async () => {
  const server = await startMlflow();
  await runToEnd(recipe(["tensorboard", { type: "mlflow", url: server.url }]));
  server.close();
  expect(readdirSync(at("run/tensorboard"))).toHaveLength(1);
  const keys = server.asked.flatMap(({ body }) => body.metrics ?? []).map(({ key }) => key);
  expect(keys).toContain("train/loss");
  expect(server.asked.at(-1)!.body).toMatchObject({ status: "FINISHED" });
  await runToEnd(recipe(undefined));
});

test("a server that is down costs one warning", async () => {
  const server = await startMlflow();
  server.close();
  const events = await runToEnd(recipe([{ type: "mlflow", url: server.url }]));
  const warnings = events.filter(({ type }) => type === "warning");
  expect(warnings).toMatchObject([
    { message: expect.stringContaining(`tracking by MLflow at ${server.url} has gaps`) },
  ]);
  expect(events.at(-1)).toMatchObject({ type: "end", reason: "completed" });
});

test("no server named: no run", async () => {
  expect(await messageOf(runToEnd(recipe(["mlflow"])))).toContain("tracking: mlflow: no server is named");
  expect(existsSync(at("run"))).toBe(false);
  expect(await messageOf(runToEnd(recipe(["wandb" as never])))).toContain("expected tensorboard, mlflow, or");
});
