import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readAnyRecipe, readRecipe } from "../src/cli/recipe_file.ts";
import { temporaryDirectory } from "../src/files/testing/temporary_directory.ts";
import { openBase } from "../src/pretrained/base.ts";
import { prepareData } from "../src/run/prepare_data.ts";
import { train } from "../src/run/train.ts";
import { trainStages } from "../src/run/train_stages.ts";
import type { StartEvent, TrainEvent } from "../src/training/events.ts";
import type { RecipeInput } from "../src/training/recipe.ts";
import { isStaged, type StagedRecipeInput } from "../src/training/staged_recipe.ts";

const at = temporaryDirectory();
const repository = fileURLToPath(new URL("..", import.meta.url));
const all = readdirSync(join(repository, "examples")).filter((name) => name.endsWith(".yaml"));
const recipes = all.filter((name) => name !== "stages.yaml");
const [cache, directory] = [process.env.ATTUNE_CACHE, process.cwd()];

beforeAll(() => {
  process.chdir(repository);
  process.env.ATTUNE_CACHE = mkdtempSync(join(tmpdir(), "attune-examples-"));
});

afterAll(() => {
  process.chdir(directory);
  rmSync(process.env.ATTUNE_CACHE!, { recursive: true });
  if (cache === undefined) delete process.env.ATTUNE_CACHE;
  else process.env.ATTUNE_CACHE = cache;
});

test("there are examples", () => {
  expect(recipes).toEqual(
    expect.arrayContaining([
      "alpaca.yaml",
      "full.yaml",
      "mixture.yaml",
      "pretrain.yaml",
      "qlora.yaml",
      "task.yaml",
      "tools.yaml",
    ]),
  );
});

/** As it stands, run where a clone is; but for two steps, and into a directory of the test's. */
async function shortened(name: string): Promise<RecipeInput> {
  const { training, ...recipe } = await readRecipe(join("examples", name));
  const { epochs: _, ...rest } = training;
  return { ...recipe, training: { ...rest, maxSteps: 2 }, output: at("run") };
}

test.each(recipes)("examples/%s runs, and all its rows can be trained on", async (name) => {
  const events: TrainEvent[] = [];
  for await (const event of train(await shortened(name), { threads: 1 })) events.push(event);
  const { data, warnings } = events[0] as StartEvent;
  expect(data.read).toBe(data.kept);
  expect(data.read).toBeGreaterThan(1);
  expect(warnings).toEqual([]);
  expect(events.at(-1)).toMatchObject({ type: "end", reason: "completed", step: 2 });
});

test("examples/stages.yaml runs from stage to stage", async () => {
  const recipe = await readAnyRecipe("examples/stages.yaml");
  expect(isStaged(recipe)).toBe(true);
  const { stages, ...shared } = recipe as StagedRecipeInput;
  const short = stages.map((stage) => ({ ...stage, training: { ...stage.training, maxSteps: 1 } }));
  const events = [];
  for await (const event of trainStages({ ...shared, stages: short, output: at("staged") }, { threads: 1 }))
    events.push(event);
  expect(events.flatMap((event) => (event.type === "stage" ? [event.name] : []))).toEqual([
    "pretrain",
    "instruct",
    "dpo",
  ]);
  expect(events.flatMap((event) => (event.type === "start" ? event.warnings : []))).toEqual([]);
  expect(events.at(-1)).toMatchObject({ type: "end", reason: "completed" });
});

test("the tool calls in examples/tools.yaml are trained, and the answer of weight 0 is not", async () => {
  const recipe = await readRecipe(join(repository, "examples", "tools.yaml"));
  const base = await openBase(join(repository, recipe.model));
  const data = recipe.data.map((dataset) => ({ ...dataset, path: join(repository, dataset.path!) }));
  const template = join(repository, recipe.template);
  const { train, close } = await prepareData({ ...recipe, data, template }, base, { now: new Date() });
  const trained = Array.from({ length: train.length }, (_, i) => {
    const { tokens, labelWeights } = train.at(i);
    return base.tokenizer.decode([...tokens].filter((_, t) => labelWeights[t]! > 0));
  });
  close();
  expect(trained).toEqual([
    '<tool_call>{"name": "get_weather", "arguments": {"city": "Lisbon"}}</tool_call><|im_end|>Yes: it rains in Lisbon.<|im_end|>',
    '<tool_call>{"name": "get_weather", "arguments": {"city": "Cairo"}}</tool_call><|im_end|>No, Cairo is dry.<|im_end|>',
    "Tell you the weather in a city.<|im_end|>",
    '<tool_call>{"name": "get_weather", "arguments": {"city": "Oslo"}}</tool_call><|im_end|>',
  ]);
});
