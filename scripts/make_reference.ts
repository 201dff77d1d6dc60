import { writeFileSync } from "node:fs";
import { recipeReference } from "./recipe_reference.ts";

writeFileSync(new URL("../docs/recipe.md", import.meta.url), recipeReference());
