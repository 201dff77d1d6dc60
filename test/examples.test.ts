import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readRecipe } from "../src/cli/recipe_file.ts";
import { openBase } from "../src/pretrained/base.ts";
import { prepareData } from "../src/run/prepare_data.ts";

const repository = fileURLToPath(new URL("..", import.meta.url));
const recipes = readdirSync(join(repository, "examples")).filter((name) => name.endsWith(".yaml"));
const cache = process.env.ATTUNE_CACHE;

beforeAll(() => {
  process.env.ATTUNE_CACHE = mkdtempSync(join(tmpdir(), "attune-examples-"));
});

afterAll(() => {
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

test.each(recipes)("examples/%s is a recipe, and all its rows can be trained on", async (name) => {
  const recipe = await readRecipe(join(repository, "examples", name));
  if (recipe.data.some(({ path }) => !path.startsWith("examples/"))) return; // made by a script that the recipe names
  // What models/new is copied from has the same tokenizer.
  const model = recipe.model === "models/new" ? "demo/base" : recipe.model;
  const data = recipe.data.map((dataset) => ({ ...dataset, path: join(repository, dataset.path) }));
  const inRepository = (path: string) => (path.includes("/") ? join(repository, path) : path);
  const template = inRepository(recipe.template);
  const base = await openBase(inRepository(model), { weights: "optional" });
  const prepared = await prepareData({ ...recipe, data, template }, base, { now: new Date(), strict: "all" });
  expect(prepared.report.read).toBe(prepared.report.kept);
  expect(prepared.report.read).toBeGreaterThan(1);
  prepared.close();
});

test("the tool calls in examples/tools.yaml are trained, and the answer of weight 0 is not", async () => {
  const recipe = await readRecipe(join(repository, "examples", "tools.yaml"));
  const base = await openBase(join(repository, recipe.model));
  const data = recipe.data.map((dataset) => ({ ...dataset, path: join(repository, dataset.path) }));
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
