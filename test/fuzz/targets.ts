import type { Target } from "./target.ts";
import { adapter } from "./targets/adapter.ts";
import { cache } from "./targets/cache.ts";
import { checkpoint } from "./targets/checkpoint.ts";
import { config } from "./targets/config.ts";
import { data } from "./targets/data.ts";
import { hub } from "./targets/hub.ts";
import { index } from "./targets/index.ts";
import { recipe } from "./targets/recipe.ts";
import { rows } from "./targets/rows.ts";
import { safetensors } from "./targets/safetensors.ts";
import { template } from "./targets/template.ts";
import { tokenizer } from "./targets/tokenizer.ts";

/** All that attune reads of others. */
export const targets: readonly Target[] = [
  ...[safetensors, index, config, tokenizer, template, adapter],
  ...[data, rows, recipe, checkpoint, cache, hub],
];
