import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { openBase } from "../pretrained/base.ts";
import { goldenPath } from "../testing/goldens.ts";
import { parseRecipe } from "../training/recipe.ts";
import { prepareData } from "./prepare_data.ts";
import { trainRefusals } from "./train_refusals.ts";

const at = temporaryDirectory();
const good = { prompt: "Name a fish:", completion: " carp" };

/** For a recipe with these rows on a model of 512 positions. */
async function refusals(rows: object[], changes: object = {}): Promise<string[]> {
  writeFileSync(at("rows.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
  const recipe = parseRecipe({
    model: goldenPath("models/llama-gqa"),
    adapter: { type: "lora" },
    data: [{ path: at("rows.jsonl") }],
    output: at("run"),
    ...changes,
  });
  const base = await openBase(recipe.model);
  const data = await prepareData(recipe, base, { now: new Date() });
  try {
    return (await trainRefusals(recipe, base, data)).map(({ message }) => message);
  } finally {
    data.close();
  }
}

test("there are none where train would run, whatever is left out or lost", async () => {
  const lost = { prompt: "a", completion: "nd" };
  expect(await refusals([good, lost, { prompt: "a", completion: "" }])).toEqual([]);
});

test.each<[string, object[], object, RegExp]>([
  ["a row that can't be used", [good, { prompt: "?" }], {}, /rows\.jsonl row 2: "completion" is missing/],
  [
    "an example beyond the model's positions",
    [good, { prompt: "a ".repeat(600), completion: "b" }],
    { training: { maxLength: 4096 } },
    /the model is made for 512/,
  ],
  ["what is to be trained", [good], { adapter: { type: "lora", targetModules: ["q_prj"] } }, /q_prj/],
])("%s", async (_, rows, changes, message) => {
  expect(await refusals(rows, changes)).toEqual([expect.stringMatching(message)]);
});
