import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { readRecipe } from "../../../src/cli/recipe_file.ts";
import { input, inRepository, onlyFile } from "../files.ts";
import type { Target } from "../target.ts";

const NAMES = ["alpaca", "full", "mixture", "pretrain", "qlora", "task", "tools"];
const OVERRIDES = [
  "training.learningRate=1e-4",
  "data=[{ path: x.jsonl }]",
  "training={}",
  "adapter=null",
  "a.b.c=1",
  "model",
];

export const recipe: Target = {
  name: "recipe",
  async valid() {
    const yaml = NAMES.map((name) => readFileSync(inRepository(`examples/${name}.yaml`), "utf8"));
    return [
      ...yaml.map((text) => input({ "recipe.yaml": text })),
      ...yaml.map((text) => input({ "recipe.json": JSON.stringify(parse(text), undefined, 2) })),
    ];
  },
  words: [
    "&a ",
    "*a",
    "<<: *a",
    "!!binary ",
    "!!js/function ",
    "? ",
    "- ",
    "| ",
    "> ",
    "{",
    "}",
    "[",
    "]",
    ": ",
    "---\n",
    "lr: 1",
    "epochs: 1e9",
    "%YAML 9.9\n",
  ],
  async read(directory, draw) {
    await readRecipe(onlyFile(directory), draw.chance(0.3) ? [draw.pick(OVERRIDES)] : []);
  },
};
