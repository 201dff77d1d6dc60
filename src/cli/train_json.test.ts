import { writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { smallRecipe } from "../run/testing/runs.ts";
import { runCli } from "./testing/run_cli.ts";

const at = temporaryDirectory();
const events = (stdout: string) =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));

async function trainJson(recipe: unknown, ...words: string[]) {
  writeFileSync(at("recipe.json"), JSON.stringify(recipe));
  return runCli("train", at("recipe.json"), "--threads", "1", "--json", ...words);
}

describe("attune train --json", () => {
  test("prints each event as a line, and nothing else", async () => {
    const recipe = smallRecipe(at("run"), {
      evaluation: { fraction: 0.1, every: 2 },
      training: { maxSteps: 2, saveEvery: 2 },
    });
    const { code, stdout, stderr } = await trainJson(recipe);
    expect([code, stderr]).toEqual([0, ""]);
    const [start, ...others] = events(stdout);
    expect(start).toMatchObject({
      type: "start",
      step: 0,
      totalSteps: 2,
      trainedParameters: expect.any(Number),
    });
    expect(others.map(({ type, step }) => `${type} ${step}`)).toEqual([
      "evaluation 0",
      "step 1",
      "step 2",
      "evaluation 2",
      "checkpoint 2",
      "end 2",
    ]);
    expect(others[1]).toMatchObject({
      loss: expect.any(Number),
      secondsLeft: expect.any(Number),
      metrics: {},
    });
    expect(others.at(-1)).toMatchObject({ reason: "completed", path: at("run/adapter") });
  });

  test("prints an error as an event, with its parts", async () => {
    const { code, stdout, stderr } = await trainJson(smallRecipe(at("run"), { model: at("nowhere") }));
    expect([code, stderr]).toEqual([1, ""]);
    const [error, ...others] = events(stdout);
    expect(others).toEqual([]);
    expect(error).toMatchObject({
      type: "error",
      code: expect.stringMatching(/^\w+\.[\w-]+$/),
      message: expect.stringContaining("nowhere"),
    });
  });

  test("and one of a recipe lists its faults", async () => {
    const { code, stdout } = await trainJson({ ...smallRecipe(at("run")), modle: "x" });
    expect(code).toBe(1);
    expect(events(stdout)).toMatchObject([
      {
        type: "error",
        code: "training.invalid-recipe",
        faults: [{ code: "training.unknown-key", place: expect.stringContaining("modle") }],
      },
    ]);
  });
});
