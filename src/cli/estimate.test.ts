import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { smallRecipe } from "../run/testing/runs.ts";
import { runCli } from "./testing/run_cli.ts";

const path = temporaryDirectory();

function recipeFile(own: Parameters<typeof smallRecipe>[1] = {}): string {
  writeFileSync(path("recipe.json"), JSON.stringify(smallRecipe(path("run"), own)));
  return path("recipe.json");
}

test("--json has the figures by name, and nothing else is printed", async () => {
  const ended = await runCli("estimate", recipeFile(), "--json", "--threads", "1");
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(ended.stdout)).toMatchObject({
    peakMemoryBytes: expect.any(Number),
    secondsPerStep: expect.any(Number),
    seconds: expect.any(Number),
    steps: 6,
    tokens: expect.any(Number),
    diskBytes: expect.any(Number),
    measured: true,
    fits: true,
    settings: expect.arrayContaining([
      expect.objectContaining({ key: "adapter.r", reason: expect.any(String) }),
    ]),
  });
}, 60_000);

test("for people: figures, whether it fits, and what is likely to go wrong", async () => {
  const words = ["estimate", recipeFile(), "--no-measure", "-s", "training.learningRate=0.01"];
  const { code, stdout, stderr } = await runCli(...words, "-s", "training.maxSteps=400");
  expect([code, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^steps +400 of 4 examples$/m);
  expect(stdout).toMatch(/^memory +\d+ MB at most \(by the graph; /m);
  expect(stdout).toMatch(/^disk +.*: result .* checkpoints /m);
  expect(stdout).toMatch(/^fits this machine$/m);
  expect(stdout).toMatch(/likely to go wrong\n.*training\.learningRate: 0\.01 is too high for an adapter/s);
  expect(stdout).toMatch(/training\.maxSteps: [\d.]+ passes through \d+ examples/);
}, 60_000);

test("stages, one by one and together", async () => {
  const { output, ...recipe } = smallRecipe(path("run"));
  writeFileSync(
    path("staged.json"),
    JSON.stringify({ ...recipe, output, stages: [{}, { name: "more", replay: 0.2 }] }),
  );
  const ended = await runCli("estimate", path("staged.json"), "--no-measure", "--json");
  const { stages, steps, peakMemoryBytes } = JSON.parse(ended.stdout);
  expect(stages.map(({ name }: { name: string }) => name)).toEqual(["instruct", "more"]);
  expect([steps, peakMemoryBytes]).toEqual([12, stages[0].peakMemoryBytes]);
  const { stdout } = await runCli("estimate", path("staged.json"), "--no-measure");
  expect(stdout).toMatch(
    /stage 2 of 2: more\n.*rows that are replayed aren't counted.*together +\d+ MB at most/s,
  );
}, 60_000);

test.each<[string, Parameters<typeof smallRecipe>[1], string]>([
  ["a missing model", { model: "./nothing" }, "./nothing: there is no such"],
  ["missing data", { data: [{ path: "none.jsonl" }] }, "none.jsonl: there is no such"],
])(
  "%s is named",
  async (_, own, message) => {
    const { code, stderr } = await runCli("estimate", recipeFile(own));
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  },
  60_000,
);
