import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { goldenPath } from "../testing/goldens.ts";
import { parseRecipe, type RecipeInput } from "../training/recipe.ts";
import { chatSource } from "./chat_source.ts";
import { runWords } from "./run_words.ts";

const at = temporaryDirectory();
const BASE = goldenPath("models/llama-gqa");
const ADAPTER = goldenPath("training/llama-gqa-lora-all/final");

/** A run's directory as it is when the run has ended. */
function writeRun(input: Partial<RecipeInput> = {}, results = ["adapter", "best"]): string {
  mkdirSync(at("run"));
  const recipe = {
    model: BASE,
    adapter: { type: "lora" },
    data: [{ path: "x.jsonl" }],
    output: at("run"),
    ...input,
  };
  writeFileSync(at("run/recipe.json"), JSON.stringify(parseRecipe(recipe)));
  for (const result of results)
    cpSync(result === "model" ? BASE : ADAPTER, at("run", result), { recursive: true });
  return at("run");
}

describe("a run's directory", () => {
  test("says what belongs to its adapter", async () => {
    const quantization = { type: "nf4" } as const;
    const run = writeRun({ template: "alpaca", quantization });
    expect(await chatSource(run, {})).toEqual({
      model: BASE,
      adapters: { run: at("run/adapter") },
      template: "alpaca",
      chatTemplateKwargs: {},
      quantization,
    });
  });

  test("says what variables its template has, and gives way in them, too", async () => {
    const run = writeRun({ chatTemplateKwargs: { enable_thinking: false, style: "dry" } });
    expect(await chatSource(run, { chatTemplateKwargs: { style: "warm" } })).toMatchObject({
      chatTemplateKwargs: { enable_thinking: false, style: "warm" },
    });
  });

  test("and so does its best result", async () => {
    writeRun({ template: "chatml" });
    for (const path of [at("run/best"), `${at("run/best")}/`])
      expect(await chatSource(path, {})).toMatchObject({
        model: BASE,
        adapters: { run: path },
        template: "chatml",
      });
  });

  test("of all weights holds the model itself", async () => {
    const run = writeRun({ adapter: undefined, template: "alpaca" }, ["model"]);
    expect(await chatSource(run, {})).toMatchObject({
      model: at("run/model"),
      adapters: {},
      template: "alpaca",
    });
  });

  test("of pretraining has no template", async () => {
    expect(await chatSource(writeRun({ stage: "pretrain" }), {})).toMatchObject({ template: "none" });
  });

  test("gives way to what the command line says, and other adapters come beside", async () => {
    const flags = { model: goldenPath("models/llama-bias"), template: "chatml", adapter: [`b=${ADAPTER}`] };
    expect(await chatSource(writeRun(), flags)).toMatchObject({
      model: flags.model,
      adapters: { run: at("run/adapter"), b: ADAPTER },
      template: "chatml",
    });
  });

  test("whose base is gone names it, and the way out", async () => {
    const run = writeRun({ model: at("gone") });
    await expect(chatSource(run, {})).rejects.toThrow(
      /run\/recipe\.json: model: .*gone: there is no such directory.* say by --model where the base is now\.$/s,
    );
  });

  test("without a result says so", async () => {
    await expect(chatSource(writeRun({}, []), {})).rejects.toThrow(
      /the run has no adapter\/ yet\. Run its recipe/,
    );
  });
});

test("what was merged from a run's adapter is asked in the run's template", async () => {
  const run = writeRun({ template: "alpaca", chatTemplateKwargs: { style: "dry" } });
  for (const path of [run, at("run/adapter"), at("run/best")])
    expect(await runWords(path)).toEqual([
      ...["--template", "alpaca"],
      ...["--chat-template-kwargs", '{"style":"dry"}'],
    ]);
  expect(await runWords(ADAPTER)).toEqual([]);
});

describe("a model", () => {
  test("is taken by its directory, with or without --model", async () => {
    const expected = { model: BASE, adapters: {}, template: undefined, chatTemplateKwargs: {} };
    expect(await chatSource(BASE, {})).toEqual(expected);
    expect(await chatSource(undefined, { model: BASE })).toEqual(expected);
    const kwargs = { enable_thinking: false };
    expect(await chatSource(BASE, { chatTemplateKwargs: kwargs })).toMatchObject({
      chatTemplateKwargs: kwargs,
    });
  });

  test("beside another is refused", async () => {
    await expect(chatSource(ADAPTER, { model: BASE })).rejects.toThrow(
      /no run's directory, and --model names/,
    );
  });
});
