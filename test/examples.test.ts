import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readRecipe } from "../src/cli/recipe_file.ts";
import { readExamples } from "../src/data/read_examples.ts";

const repository = fileURLToPath(new URL("..", import.meta.url));
const recipes = readdirSync(join(repository, "examples")).filter((name) => name.endsWith(".yaml"));

test("there are examples", () => {
  expect(recipes).toEqual(expect.arrayContaining(["alpaca.yaml", "full.yaml", "pretrain.yaml"]));
});

test.each(recipes)("examples/%s is a recipe, and its data can be read", async (name) => {
  const recipe = await readRecipe(join(repository, "examples", name));
  for (const { path, format } of recipe.data) {
    if (!path.startsWith("examples/")) continue; // made by a script that the recipe names
    const text = readFileSync(join(repository, path), "utf8");
    expect(readExamples({ name: path, text }, format).length).toBeGreaterThan(0);
  }
});
