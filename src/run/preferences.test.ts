import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { goldenPath } from "../testing/goldens.ts";
import type { StartEvent } from "../training/events.ts";
import type { RecipeInput } from "../training/recipe.ts";
import { contents, messageOf, readMetrics, runToEnd, smallRecipe } from "./testing/runs.ts";

const at = temporaryDirectory();

interface AlpacaRow {
  instruction: string;
  input: string;
  output: string;
}
const alpaca: AlpacaRow[] = JSON.parse(readFileSync(goldenPath("data/alpaca.json"), "utf8"));
const asked = ({ instruction, input }: AlpacaRow) => [instruction, input].filter(Boolean).join("\n\n");

/** Row i's own answer is chosen, row i + 1's rejected. */
const pairs = alpaca.map((row, i) => ({
  prompt: asked(row),
  chosen: row.output,
  rejected: alpaca[(i + 1) % alpaca.length]!.output,
}));
const rated = alpaca.map((row, i) => ({ prompt: asked(row), completion: row.output, label: i % 2 === 0 }));

function write(rows: readonly object[], name = "rows.jsonl"): string {
  writeFileSync(at(name), rows.map((row) => JSON.stringify(row)).join("\n"));
  return at(name);
}

function recipe(
  rows: readonly object[],
  objective: RecipeInput["objective"],
  rest: Partial<RecipeInput> = {},
) {
  return smallRecipe(at("run"), { data: [{ path: write(rows) }], objective, ...rest });
}

const TRL = ["rewards/chosen", "rewards/rejected", "rewards/margins", "rewards/accuracies", "logps/chosen"];

test.each(["dpo", "orpo", "simpo"] as const)("%s trains on pairs and tells TRL's metrics", async (type) => {
  const evaluation = { fraction: 0.2 };
  const events = await runToEnd(recipe(pairs, { type }, { evaluation }));
  const start = events[0] as StartEvent;
  expect(start.examples + start.evaluationExamples).toBe(start.data.kept);
  const steps = events.filter((event) => event.type === "step");
  for (const step of steps) expect(Object.keys(step.metrics)).toEqual(expect.arrayContaining(TRL));
  const lines = readMetrics(at("run"));
  expect(lines.at(-1)).toMatchObject({
    evalLoss: expect.any(Number),
    "eval_rewards/margins": expect.any(Number),
  });
  expect(lines.find(({ loss }) => loss !== undefined)).toMatchObject({
    "rewards/accuracies": expect.any(Number),
  });
  expect(steps.at(-1)!.loss).not.toBe(steps[0]!.loss);
});

test.each([
  ["rated answers", rated, 80],
  ["pairs, each as two", pairs, 160],
])("kto trains on %s", async (_, rows, examples) => {
  const events = await runToEnd(recipe(rows, { type: "kto" }, { training: { maxSteps: 3, maxLength: 256 } }));
  expect(events[0]).toMatchObject({ type: "start", examples });
  const steps = events.filter((event) => event.type === "step");
  for (const { metrics } of steps) expect(metrics.kl).toBeGreaterThanOrEqual(0);
  expect(steps.at(-1)!.metrics).toHaveProperty("rewards/margins");
});

test("without an objective the chosen answer is trained, as before", async () => {
  const [chosen, all] = [pairs.map(({ chosen, prompt }) => ({ prompt, chosen, rejected: "no" })), pairs];
  await runToEnd(recipe(chosen, undefined));
  const first = readMetrics(at("run"));
  await runToEnd({ ...recipe(all, undefined), output: at("other") });
  expect(readMetrics(at("other"))).toEqual(first);
});

test("a run that was stopped goes on to the same bytes, its reference read back", async () => {
  const settings = { evaluation: { fraction: 0.2 }, shuffle: true } satisfies Partial<RecipeInput>;
  const whole = recipe(pairs, { type: "dpo", lossType: "ipo" }, settings);
  await runToEnd(whole);
  const broken = { ...whole, output: at("broken") };
  const stop = new AbortController();
  await runToEnd(broken, { signal: stop.signal, see: (event) => event.step === 3 && stop.abort() });
  let computed = 0;
  await runToEnd(broken, { onReference: () => computed++ });
  expect(computed).toBe(0);
  expect(readMetrics(at("broken"))).toEqual(readMetrics(at("run")));
  const named = ["adapter/adapter_model.safetensors", "reference.safetensors"];
  const [one, other] = [contents(at("run")), contents(at("broken"))];
  for (const name of named) expect(other[name], name).toBe(one[name]);
});

test("an adapter that goes on is its own reference", async () => {
  const adapter = { path: goldenPath("training/llama-gqa-lora-all/initial") };
  const events = await runToEnd(recipe(pairs, { type: "dpo" }, { adapter }));
  const first = events.find((event) => event.type === "step")!;
  expect(first.loss).toBeCloseTo(Math.log(2), 6);
  expect(first.metrics["rewards/accuracies"]).toBe(0);
});

const none: Partial<RecipeInput> = {};
const REFUSED: [string, object[], RecipeInput["objective"], Partial<RecipeInput>, RegExp][] = [
  [
    "answers that are all equal",
    pairs.slice(0, 4).map((row) => ({ ...row, rejected: row.chosen })),
    { type: "dpo" },
    none,
    /rows\.jsonl row 1: the chosen and the rejected answer are the same \(the first of 4\)/,
  ],
  [
    "a pair without a rejected answer",
    [...pairs.slice(0, 4), { prompt: "a", chosen: "b" }],
    { type: "dpo" },
    none,
    /rows\.jsonl row 5: .*rejected/,
  ],
  [
    "rows that have no pairs",
    alpaca.slice(0, 4),
    { type: "dpo" },
    none,
    /row 1: the recipe's objective needs preference rows.*got a row of the kind conversation/,
  ],
  ["rows that are not rated", alpaca.slice(0, 4), { type: "kto" }, none, /needs rows with a rated answer/],
  ["a beta of 0", pairs, { type: "dpo", beta: 0 }, none, /objective\.beta: .*0/],
  ["an objective of another name", pairs, { type: "dpp" } as never, none, /objective.*dpo/],
  ["smoothing that means nothing", pairs, { type: "dpo", labelSmoothing: 0.1 }, none, /robust/],
  ["kto with single examples", rated, { type: "kto" }, { training: { batchSize: 1 } }, /batchSize/],
  ["raw text", [{ text: "a" }], { type: "orpo" }, { stage: "pretrain", adapter: undefined }, /objective/],
];

test.each(REFUSED)("%s: refused before any step", async (_, rows, objective, rest, message) => {
  expect(await messageOf(runToEnd(recipe(rows, objective, rest)))).toMatch(message);
});

test("equal answers among others are left out and counted", async () => {
  const [first] = pairs as [(typeof pairs)[0]];
  const events = await runToEnd(
    recipe([{ ...first, rejected: first.chosen }, ...pairs.slice(1)], { type: "dpo" }),
  );
  const { data } = events[0] as StartEvent;
  const reason = "the chosen and the rejected answer are the same";
  expect(data.dropped.find((entry) => entry.reason === reason)).toMatchObject({
    count: 1,
    origins: [{ row: 1 }],
  });
});
