import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { smallRecipe } from "../run/testing/runs.ts";
import { parseYaml } from "../text/yaml.ts";
import { readRecipe } from "./recipe_file.ts";
import { axisOfFlag, splitSweep } from "./sweep_axes.ts";
import { runCli } from "./testing/run_cli.ts";

const at = temporaryDirectory();

describe("a key and what it may be", () => {
  test.each([
    ["training.learningRate=1e-4,3e-4", { key: "training.learningRate", values: [1e-4, 3e-4] }],
    ["training.learningRate=1e-5..1e-3", { key: "training.learningRate", low: 1e-5, high: 1e-3 }],
    [
      "adapter.targetModules=[q_proj, v_proj],all-linear",
      { key: "adapter.targetModules", values: [["q_proj", "v_proj"], "all-linear"] },
    ],
    ["adapter.r=", { key: "adapter.r", values: [] }],
    ["seed=1", { key: "seed", values: [1] }],
  ])("%s", (flag, axis) => {
    expect(axisOfFlag(flag)).toEqual(axis);
  });

  test.each(["training.learningRate", "=3", "adapter.r=[4"])("%s is refused", (flag) => {
    expect(() => axisOfFlag(flag)).toThrow(/--set/);
  });

  test("may stand in the recipe", () => {
    const set = { "adapter.r": [4, 8], "training.learningRate": "1e-5..1e-3" };
    expect(splitSweep({ model: "m", sweep: { set, random: 3 } }, "r.yaml")).toEqual({
      recipe: { model: "m" },
      settings: {
        random: 3,
        axes: [
          { key: "adapter.r", values: [4, 8] },
          { key: "training.learningRate", low: 1e-5, high: 1e-3 },
        ],
      },
    });
    expect(() => splitSweep({ sweep: { sets: {} } }, "r.yaml")).toThrow(
      /r\.yaml: sweep.*\n.*sets: unknown key; did you mean set\?/s,
    );
    expect(() => splitSweep({ sweep: { set: { r: "4 to 8" } } }, "r.yaml")).toThrow("expected LOW..HIGH");
  });
});

test("attune sweep ranks trials, and writes the best as a recipe; an unknown key is named before any training", async () => {
  const recipe = smallRecipe(at("run"), {
    evaluation: { fraction: 0.1, every: 1 },
    training: { maxSteps: 2, maxLength: 96 },
  });
  writeFileSync(
    at("recipe.json"),
    JSON.stringify({ ...recipe, sweep: { set: { "training.learningRate": [1e-9, 2e-3] } } }),
  );
  const { code, stdout } = await runCli("sweep", at("recipe.json"), "--threads", "1");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^trial +training\.learningRate +steps +held out/);
  expect(stdout).toContain("training.learningRate=0.002: held-out loss");
  const best = parseYaml(readFileSync(at("run-sweep/best.yaml"), "utf8"), "best.yaml");
  expect(best).toMatchObject({ output: at("run"), training: { learningRate: 2e-3, maxSteps: 2 } });
  expect(best).not.toHaveProperty("sweep");
  const wrong = await runCli(
    "sweep",
    at("recipe.json"),
    "--set",
    "training.learnigRate=1,2",
    "--output",
    at("x"),
  );
  expect(wrong.code).toBe(1);
  expect(wrong.stderr).toContain("learnigRate: unknown key; did you mean learningRate?");
  expect(existsSync(at("x"))).toBe(false);
  await expect(readRecipe(at("recipe.json"))).rejects.toThrow("sweep: it asks for many runs");
  expect((await readRecipe(at("recipe.json"), ["sweep=null"])).output).toBe(at("run"));
});
