/** Writes the recipe's JSON Schema beside the build, for editors: `attune/recipe.schema.json`. */
import { writeFileSync } from "node:fs";
import { recipeFileJsonSchema } from "../src/training/staged_recipe.ts";

const path = new URL("../dist/recipe.schema.json", import.meta.url);
writeFileSync(path, `${JSON.stringify(recipeFileJsonSchema(), null, 2)}\n`);
