import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { runToEnd, smallRecipe } from "../run/testing/runs.ts";
import { goldenPath } from "../testing/goldens.ts";
import { runCli } from "./testing/run_cli.ts";

const path = temporaryDirectory();
const rows = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ instruction: `Count to ${i}`, output: `${i}`, task: "count" }));
const write = (name: string, value: unknown) => {
  writeFileSync(path(name), typeof value === "string" ? value : JSON.stringify(value));
  return path(name);
};
const model = goldenPath("models/llama-gqa");

test("a run, its recipe, and its adapter by name say the same", async () => {
  const recipe = smallRecipe(path("run"), {
    data: [{ path: write("rows.json", rows(16)) }],
    evaluation: { fraction: 0.25, maxTokens: 4 },
    training: { maxSteps: 2 },
  });
  await runToEnd(recipe);
  const file = write("recipe.json", recipe);
  const run = await runCli("eval", path("run"), "--json", "--threads", "1");
  expect(run).toMatchObject({ code: 0, stderr: "" });
  const printed = JSON.parse(run.stdout);
  expect(printed).toMatchObject({ rows: 4, tasks: { count: { rows: 4 } }, samples: expect.any(Array) });
  expect(JSON.parse(readFileSync(path("run/evaluation.json"), "utf8"))).toEqual(printed);
  expect(readFileSync(path("run/evaluation.md"), "utf8")).toMatch(/^# Evaluation\n.*\| exactMatch \|/s);

  const byRecipe = await runCli("eval", file, "--json", "--threads", "1");
  expect(JSON.parse(byRecipe.stdout)).toEqual(printed);

  const table = await runCli("eval", path("run"), "--threads", "1");
  expect(table.stdout).toMatch(/^Held out: 4 rows\n\nscore +base +tuned +difference/);
  expect(table.stdout).toMatch(/loss +\d.*p [<=]/);

  const held = write("held.json", rows(3));
  const words = ["-m", model, "-a", path("run/adapter"), "-d", held, "--json", "--threads", "1"];
  const byName = JSON.parse((await runCli("eval", ...words)).stdout);
  const data = JSON.parse((await runCli("eval", path("run"), "-d", held, "--json", "--threads", "1")).stdout);
  expect(byName.tuned.loss).toEqual(data.tuned.loss);
  expect(byName.base.exactMatch).toEqual(data.base.exactMatch);
}, 120_000);

test("exams as they are published", async () => {
  const mmlu = write("high_school_physics_test.csv", '"What, is it?",1,2,3,4,B\nTwo?,1,2,3,4,D\n');
  const cmmlu = write("agronomy.csv", ",Question,A,B,C,D,Answer\n0,哪一个？,甲,乙,丙,丁,C\n");
  const ceval = write("law_val.csv", "id,question,A,B,C,D,answer\n0,哪一个？,甲,乙,丙,丁,A\n");
  const files = [
    [mmlu, "high school physics", 2],
    [cmmlu, "agronomy", 1],
    [ceval, "law", 1],
  ] as const;
  const all = await Promise.all(
    files.map(([file]) => runCli("eval", "-m", model, "-d", file, "--json", "--threads", "1")),
  );
  for (const [i, [, task, count]] of files.entries()) {
    const ended = all[i]!;
    expect(ended).toMatchObject({ code: 0 });
    const { tasks, base, tuned } = JSON.parse(ended.stdout);
    expect(tasks[task].rows).toBe(count);
    expect(Object.keys(base)).toEqual(["loss", "perplexity", "tokenAccuracy", "acc", "accNorm"]);
    expect(tuned).toBeNull();
  }
  const test = write("law_test.csv", "id,question,A,B,C,D\n0,哪一个？,甲,乙,丙,丁\n");
  const refused = await runCli("eval", "-m", model, "-d", test);
  expect(refused).toMatchObject({ code: 1 });
  expect(refused.stderr).toMatch(/law_test\.csv row 1: it has no answer.*val files/);
}, 120_000);

test("IFEval's rows", async () => {
  const file = write(
    "input_data.jsonl",
    JSON.stringify({
      key: 1000,
      prompt: "Say it without commas.",
      instruction_id_list: ["punctuation:no_comma", "startend:quotation"],
      kwargs: [{}, {}],
    }),
  );
  const ended = await runCli("eval", "-m", model, "-d", file, "--json", "--threads", "1");
  expect(ended.stderr).toBe("");
  const { base } = JSON.parse(ended.stdout);
  expect(Object.keys(base)).toEqual([
    "promptLevelStrictAcc",
    "instLevelStrictAcc",
    "promptLevelLooseAcc",
    "instLevelLooseAcc",
  ]);
}, 120_000);

test("what is missing, or doesn't fit, is said", async () => {
  const [nothing, none, held] = await Promise.all([
    runCli("eval"),
    runCli("eval", path("nowhere")),
    runCli("eval", write("plain.json", { model, data: [{ path: "x.json" }], output: path("out") })),
  ]);
  expect(nothing).toMatchObject({ code: 1 });
  expect(nothing!.stderr).toMatch(/--model M --data FILE/);
  expect(none!.stderr).toMatch(/neither a run's directory nor a recipe/);
  expect(held!.stderr).toMatch(/holds nothing out.*--data FILE/);
}, 120_000);

test("a recipe that holds out other rows than its run did is refused", async () => {
  const recipe = smallRecipe(path("run"), {
    data: [{ path: write("rows.json", rows(16)) }],
    evaluation: { fraction: 0.25 },
    training: { maxSteps: 1 },
  });
  await runToEnd(recipe);
  const other = write("other.json", { ...recipe, evaluation: { fraction: 0.5 } });
  const ended = await runCli("eval", other, "--threads", "1");
  expect(ended.code).toBe(1);
  expect(ended.stderr).toMatch(/another evaluation\.fraction.*may have been trained on/);
}, 120_000);
