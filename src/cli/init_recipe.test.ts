import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { goldenPath } from "../testing/goldens.ts";
import { parseYaml } from "../text/yaml.ts";
import { parseRecipe } from "../training/recipe.ts";
import { type AskPerson, type InitFlags, initRecipe } from "./init_recipe.ts";
import { runCli } from "./testing/run_cli.ts";

const path = temporaryDirectory();
const model = goldenPath("models/llama-gqa");
const write = (name: string, value: unknown) => {
  writeFileSync(path(name), typeof value === "string" ? value : JSON.stringify(value));
  return path(name);
};
const rows = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ instruction: `Count to ${i}`, output: `one, two … ${i}` }));

async function init(data: string[], flags: Partial<InitFlags> = {}, ask?: AskPerson) {
  const printed: string[] = [];
  const out = path("recipe.yaml");
  await initRecipe(data, { out, model, ...flags }, { ask, print: (line) => void printed.push(line) });
  const text = readFileSync(flags.out ?? out, "utf8");
  return { text, printed, recipe: parseRecipe(parseYaml(text, out)) };
}

test("without questions: what is proposed, a reason beside each choice, and the next command", async () => {
  const { recipe, text, printed } = await init([write("rows.json", rows(60))]);
  expect(recipe).toMatchObject({
    stage: "instruct",
    model,
    adapter: { type: "lora", r: 8, targetModules: "all-linear" },
    evaluation: { fraction: 0.1 },
    training: { batchSize: 4, epochs: 5, learningRate: 2e-4 },
    output: "runs/rows",
  });
  expect(text).toMatch(/^# Written by attune init, preset balanced/);
  expect(text).toContain("https://arxiv.org/abs/2305.14314)\n  targetModules: all-linear");
  expect(printed.at(-1)).toMatch(/next .* train .*recipe\.yaml$/);
});

test("five questions at most, and their answers count", async () => {
  const data = write("rows.json", rows(60));
  const answers = [data, model, "quick", "0.2", "runs/own"];
  const asked: string[] = [];
  const ask: AskPerson = async (question) => {
    asked.push(question);
    return answers.shift()!;
  };
  const { recipe } = await init([], { model: undefined }, ask);
  expect(asked).toHaveLength(5);
  expect(recipe).toMatchObject({
    evaluation: { fraction: 0.2 },
    training: { epochs: 1 },
    output: "runs/own",
  });
});

test("options leave no question", async () => {
  const ask: AskPerson = async (question) => {
    throw new Error(`asked: ${question}`);
  };
  const flags: Partial<InitFlags> = { preset: "quality", heldOut: 0, output: "runs/x", method: "qlora" };
  const { recipe } = await init([write("rows.json", rows(8))], flags, ask);
  expect(recipe).toMatchObject({ quantization: { type: "nf4", doubleQuant: true }, output: "runs/x" });
  expect(recipe.evaluation).toBeUndefined();
});

test("preferences, feedback, text and all weights", async () => {
  const pair = { prompt: "Say hi", chosen: "Hi!", rejected: "No." };
  const preferences = await init([write("p.json", Array(12).fill(pair))], { out: path("p.yaml") });
  expect(preferences.recipe).toMatchObject({
    objective: { type: "dpo" },
    deduplicate: true,
    training: { learningRate: 1e-5 },
  });
  const liked = { prompt: "Say hi", completion: "Hi!", label: true };
  const feedback = await init([write("f.json", Array(12).fill(liked))], { out: path("f.yaml") });
  expect(feedback.recipe).toMatchObject({ objective: { type: "kto" }, training: { batchSize: 8 } });
  const raw = await init([write("t.txt", "once upon a time ".repeat(50))], {
    out: path("t.yaml"),
    method: "full",
  });
  expect(raw.recipe).toMatchObject({ stage: "pretrain", training: { learningRate: 2e-5, epochs: 1 } });
  expect(raw.recipe.adapter).toBeUndefined();
});

test("labels are told and answers asked for", async () => {
  const some = Array.from({ length: 60 }, (_, i) => ({
    instruction: `Is ${i} even?`,
    output: i % 2 ? "no" : "yes",
  }));
  const { recipe, printed } = await init([write("labels.json", some)]);
  expect(printed.join()).toContain("answers are labels: no, yes");
  expect(recipe.evaluation).toMatchObject({ generate: 20 });
});

test("rows that would be refused: the recipe is written, the reason told, and the check is next", async () => {
  const broken = [...rows(5), { instruction: "no answer" }];
  const { printed } = await init([write("rows.json", broken)]);
  expect(printed.join("\n")).toMatch(/can't be used/);
  expect(printed.at(-1)).toMatch(/data check .*recipe\.yaml/);
});

test.each<[string, () => string[], Partial<InitFlags>, string]>([
  ["no data", () => [], {}, "cli.no-data"],
  ["a missing file", () => [path("none.json")], {}, "files.missing"],
  ["an empty file", () => [write("e.jsonl", "")], {}, "data.empty"],
  [
    "mixed data",
    () => [write("a.json", rows(2)), write("b.json", [{ prompt: "a", chosen: "b", rejected: "c" }])],
    {},
    "run.mixed-data",
  ],
  ["nothing usable", () => [write("a.json", [{ instruction: "a", output: 1 }])], {}, ""],
  ["an unknown model", () => [write("a.json", rows(2))], { model: "./no/model" }, "files.missing"],
  [
    "an output that can't be written",
    () => [write("a.json", rows(2))],
    { out: "/proc/none/recipe.yaml" },
    "",
  ],
])("%s is an error, and nothing is written", async (_, data, flags, code) => {
  const out = path("recipe.yaml");
  const error = await initRecipe(data(), { out, model, ...flags }, { print() {} }).catch((e) => e);
  expect(error.name).toBe("AttuneError");
  if (code) expect(error.code).toBe(code);
  expect(() => readFileSync(out)).toThrow();
});

test("a file that is there stays", async () => {
  const out = write("recipe.yaml", "mine");
  await expect(init([write("rows.json", rows(4))])).rejects.toMatchObject({ code: "cli.recipe-exists" });
  expect(readFileSync(out, "utf8")).toBe("mine");
});

test("from the shell, and what it writes can be checked", async () => {
  const data = write("rows.json", rows(12));
  const out = path("own.yaml");
  const ended = await runCli("init", data, "-m", model, "--out", out, "--output", path("run"));
  expect(ended).toMatchObject({ code: 0, stderr: "" });
  expect(ended.stdout).toMatch(/next .*train .*own\.yaml\n$/);
  expect(await runCli("data", "check", out)).toMatchObject({ code: 0 });
}, 60_000);
