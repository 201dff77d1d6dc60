import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { recipeReference } from "../scripts/recipe_reference.ts";

test("docs/recipe.md is what the schema says (npm run reference)", () => {
  const page = readFileSync(new URL("../docs/recipe.md", import.meta.url), "utf8");
  expect(page).toBe(recipeReference());
});
