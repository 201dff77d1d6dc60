import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { readRecipe } from "../src/cli/recipe_file.ts";
import { readDataset } from "../src/datasets/read_dataset.ts";

const repository = fileURLToPath(new URL("..", import.meta.url));
const recipes = readdirSync(join(repository, "examples")).filter((name) => name.endsWith(".yaml"));

test("there are examples", () => {
  expect(recipes).toEqual(expect.arrayContaining(["alpaca.yaml", "full.yaml", "pretrain.yaml"]));
});

test.each(recipes)("examples/%s is a recipe, and its data can be read", async (name) => {
  const recipe = await readRecipe(join(repository, "examples", name));
  for (const { path, format } of recipe.data) {
    if (!path.startsWith("examples/")) continue; // made by a script that the recipe names
    for await (const example of readDataset({ path: join(repository, path), format }))
      expect(example.kind).not.toBe("unusable");
  }
});
