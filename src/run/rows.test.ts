import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { goldenPath } from "../testing/goldens.ts";
import type { StartEvent } from "../training/events.ts";
import type { RecipeInput } from "../training/recipe.ts";
import { readRunResult } from "./run_result.ts";
import { contents, messageOf, readMetrics, runToEnd, smallRecipe } from "./testing/runs.ts";

const at = temporaryDirectory();
const rows: Record<string, string>[] = JSON.parse(readFileSync(goldenPath("data/alpaca.json"), "utf8"));

const recipeOf = (
  entry: RecipeInput["data"][number],
  changes: Partial<RecipeInput> = {},
  output = at("run"),
) => smallRecipe(output, { data: [entry], ...changes });

function* oneByOne() {
  yield* rows;
}
async function* oneByOneLater() {
  yield* rows;
}

describe("rows from memory", () => {
  test.each<[string, () => RecipeInput["data"][number]["rows"]]>([
    ["a list", () => rows],
    ["a set", () => new Set(rows)],
    ["a generator", oneByOne],
    ["an async generator", oneByOneLater],
  ])("%s trains as the file does, to the bit", async (_, make) => {
    const settings = { shuffle: true, evaluation: { fraction: 0.1 } };
    await runToEnd(recipeOf({ path: goldenPath("data/alpaca.json") }, settings, at("file")));
    await runToEnd(recipeOf({ rows: make() }, settings));
    expect(readMetrics(at("run"))).toEqual(readMetrics(at("file")));
    expect(contents(at("run/adapter"))).toEqual(contents(at("file/adapter")));
  });

  test("their columns and tasks are those of a file's rows", async () => {
    const other = rows.map(({ instruction, output }) => ({ question: instruction, answer: output }));
    const columns = { instruction: "question", output: "answer" };
    const [start] = await runToEnd(recipeOf({ rows: other, format: "alpaca", columns }));
    expect((start as StartEvent).data).toMatchObject({ read: 80, unusable: [] });
    const task = { templates: [{ input: "{{question}}", output: "{{answer}}" }] };
    const [asTask] = await runToEnd(recipeOf({ rows: other, task } as never, {}, at("task")));
    expect((asTask as StartEvent).data).toMatchObject({ read: 80, unusable: [] });
  });

  test("a run goes on with the same rows, and refuses others", async () => {
    await runToEnd(recipeOf({ rows }, {}, at("unbroken")));
    const stop = new AbortController();
    const see = ({ type, step }: { type: string; step: number }) =>
      type === "step" && step === 3 && stop.abort();
    await runToEnd(recipeOf({ rows: oneByOne() }), { see, signal: stop.signal });
    const others = rows.map((row, i) => (i === 7 ? { ...row, output: "Other." } : row));
    expect(await messageOf(runToEnd(recipeOf({ rows: others })))).toMatch(
      /have changed since step 3: the data/,
    );
    const resumed = await runToEnd(recipeOf({ rows: oneByOneLater() }));
    expect(resumed[0]).toMatchObject({ type: "start", step: 3 });
    expect(contents(at("run/adapter"))).toEqual(contents(at("unbroken/adapter")));
  });

  test("recipe.json keeps none, and says so when it is run", async () => {
    await runToEnd(recipeOf({ rows }));
    const recipe = JSON.parse(readFileSync(join(at("run"), "recipe.json"), "utf8"));
    expect(recipe.data).toEqual([{ rows: [] }]);
    expect(await readRunResult(at("run"))).toMatchObject({ path: at("run/adapter") });
    expect(await messageOf(runToEnd({ ...recipe, output: at("again") }))).toMatch(
      /data\.0\.rows: .*got an empty list.*recipe\.json/s,
    );
  });

  test("a row that is none is named by its number", async () => {
    const broken = [rows[0]!, 5 as never, ...rows.slice(1)];
    const message = await messageOf(runToEnd(recipeOf({ rows: broken })));
    expect(message).toMatch(/data\.0\.rows row 2: expected an object, got 5/);
  });

  test.each<[string, object, RegExp]>([
    ["both", { path: "a.json", rows }, /data\.0\.path: .*one of the two/],
    ["neither", {}, /data\.0\.path: .*one of the two/],
    ["a text", { rows: "rows.json" }, /data\.0\.rows: .*a list of rows.*got "rows.json"/],
    ["an object", { rows: { instruction: "a" } }, /data\.0\.rows: .*got an object/],
    ["a split", { rows, split: "train" }, /data\.0\.rows: .*leave config and split out/],
  ])("refuses %s", async (_, entry, expected) => {
    expect(await messageOf(runToEnd(recipeOf(entry as never)))).toMatch(expected);
  });
});
