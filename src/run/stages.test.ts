import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readTensor } from "../files/safetensors.ts";
import { readSafetensorsHeader } from "../files/safetensors_file.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { initializeWeights } from "../models/initialize.ts";
import { modelLayout } from "../models/layout.ts";
import { openBase } from "../pretrained/base.ts";
import { goldenPath } from "../testing/goldens.ts";
import type { EvaluationEvent, StartEvent } from "../training/events.ts";
import type { RecipeInput } from "../training/recipe.ts";
import { contents, messageOf, readMetrics, runToEnd, smallRecipe } from "./testing/runs.ts";

const at = temporaryDirectory();
const SEED = 11;

/** A model directory without weights. */
function blankModel(changes: object = {}): string {
  mkdirSync(at("blank"));
  for (const file of ["tokenizer.json", "tokenizer_config.json"])
    copyFileSync(goldenPath(`models/qwen2-tied/${file}`), at("blank", file));
  const config = JSON.parse(readFileSync(goldenPath("models/qwen2-tied/config.json"), "utf8"));
  writeFileSync(at("blank/config.json"), JSON.stringify({ ...config, ...changes }));
  return at("blank");
}

const pretrain = (output: string, { training, ...changes }: Partial<RecipeInput> = {}) =>
  smallRecipe(at(output), {
    stage: "pretrain",
    model: at("blank"),
    adapter: undefined,
    data: [{ path: goldenPath("data/corpus.txt") }],
    seed: SEED,
    training: { maxLength: 32, batchSize: 8, maxSteps: 4, learningRate: 1e-2, ...training },
    ...changes,
  });

async function weightsOf(path: string) {
  const { tensors } = await readSafetensorsHeader(path);
  const read = [...tensors].map(
    async ([name, entry]) => [name, { ...entry, data: await readTensor(entry) }] as const,
  );
  return new Map(await Promise.all(read));
}

describe("pretraining from nothing but config and tokenizer", () => {
  test("starts at random weights of the seed, learns, and writes a model directory", async () => {
    const { model } = await openBase(blankModel(), { weights: "optional" });
    const stop = new AbortController(); // at the start event: no step is taken
    await runToEnd(pretrain("still"), { signal: stop.signal, see: () => stop.abort() });
    const start = await weightsOf(at("still/model/model.safetensors"));
    const fresh = initializeWeights(model, SEED);
    expect([...start.keys()].sort()).toEqual([...fresh.keys()].sort());
    for (const [name, { shape, data }] of fresh)
      expect(start.get(name), name).toMatchObject({ shape, data, dtype: "F32" });

    await runToEnd(pretrain("run"));
    const losses = readMetrics(at("run")).map(({ loss }) => loss!);
    expect(Math.abs(losses[0]! - Math.log(320))).toBeLessThan(0.1); // every token is as likely
    expect(losses.at(-1)!).toBeLessThan(losses[0]! - 0.2);
    const trained = await openBase(at("run/model"));
    expect(trained.directory.config).toEqual(
      (await openBase(at("blank"), { weights: "optional" })).directory.config,
    );
    expect([...trained.directory.tensors.keys()].sort()).toEqual(
      [...modelLayout(model).parameters.keys()].sort(),
    );
  });

  test("is the seed's alone", async () => {
    blankModel();
    await runToEnd(pretrain("a"));
    await runToEnd(pretrain("b"));
    await runToEnd(pretrain("c", { seed: SEED + 1 }));
    expect(readMetrics(at("b"))).toEqual(readMetrics(at("a")));
    expect(contents(at("b/model"))).toEqual(contents(at("a/model")));
    expect(readMetrics(at("c"))[0]!.loss).not.toBe(readMetrics(at("a"))[0]!.loss);
  });

  test("goes on from a model that has weights, in the type of its files", async () => {
    blankModel({ dtype: "bfloat16" });
    await runToEnd(pretrain("first"));
    const first = await weightsOf(at("first/model/model.safetensors"));
    expect(new Set([...first.values()].map(({ dtype }) => dtype))).toEqual(new Set(["BF16"]));
    await runToEnd(
      pretrain("second", {
        model: at("first/model"),
        seed: 3,
        training: { learningRate: 1e-30, maxSteps: 1 },
      }),
    );
    expect(contents(at("second/model"))).toEqual(contents(at("first/model")));
  });

  test("is refused where weights are needed", async () => {
    blankModel();
    for (const changes of [{ stage: "finetune" }, { adapter: { type: "lora" } }] as const)
      expect(await messageOf(runToEnd(pretrain("run", changes)))).toMatch(
        /AttuneError: .*blank: expected model\.safetensors/,
      );
  });

  test("is refused for rows that are no text", async () => {
    blankModel();
    const recipe = pretrain("run", { data: [{ path: goldenPath("data/alpaca.json") }] });
    expect(await messageOf(runToEnd(recipe))).toMatch(
      /alpaca\.json row 1: stage pretrain learns from raw text/,
    );
  });
});

test("finetuning on completions supervises them and their end", async () => {
  const rows = [
    { prompt: "The capital of France is", completion: " Paris." },
    { prompt: "Two and two are", completion: " four, mostly." },
  ];
  writeFileSync(at("rows.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
  const recipe = smallRecipe(at("run"), {
    stage: "finetune",
    data: [{ path: at("rows.jsonl") }],
    training: { maxSteps: 2, batchSize: 2, warmupRatio: 0, learningRate: 1e-2 },
  });
  await runToEnd(recipe);
  const { tokenizer } = await openBase(recipe.model);
  const length = (text: string) => tokenizer.encode(text).ids.length;
  const tokens = rows.reduce(
    (n, { prompt, completion }) => n + length(`${prompt}${completion}<|im_end|>`),
    0,
  );
  const prompts = rows.reduce((n, { prompt }) => n + length(prompt), 0);
  const [first, second] = readMetrics(at("run"));
  expect(first).toMatchObject({ tokens, supervisedTokens: tokens - prompts });
  expect(second!.loss).toBeLessThan(first!.loss!);
});

test("a sequence may be as short as a token and its label, and its limit as long as it likes", async () => {
  blankModel();
  await runToEnd(pretrain("short", { training: { maxLength: 2, maxSteps: 1 } }));
  expect(readMetrics(at("short"))[0]).toMatchObject({ tokens: 16, supervisedTokens: 8 });

  const limits = [96, 2 ** 20]; // the first four rows are shorter than either
  for (const maxLength of limits)
    await runToEnd(smallRecipe(at(`${maxLength}`), { training: { maxLength, maxSteps: 1 } }));
  const [first, second] = limits.map((maxLength) => readMetrics(at(`${maxLength}`)));
  expect(second).toEqual(first);
});

describe("steps and epochs", () => {
  const steps = async (training: RecipeInput["training"]) => {
    const [start] = await runToEnd(
      smallRecipe(at("run"), { training: { maxLength: 96, maxSteps: undefined, ...training } }),
    );
    return { start: start as StartEvent, lines: readMetrics(at("run")) };
  };

  test("maxSteps goes on beyond an epoch, whose last batch is what is left", async () => {
    const { start, lines } = await steps({ maxSteps: 5, batchSize: 32 });
    expect(start).toMatchObject({ stepsPerEpoch: 3, totalSteps: 5 });
    expect(lines.map(({ epoch }) => epoch)).toEqual([1 / 3, 2 / 3, 1, 4 / 3, 5 / 3]);
    const tokens = lines.map((line) => line.tokens);
    expect(tokens.slice(3)).toEqual(tokens.slice(0, 2));
    expect(tokens[2]).toBeLessThan(tokens[0]! * 0.75);
  });

  test.each([
    [0.5, 3],
    [1.5, 8],
    [0.01, 1],
  ])("%d epochs of five steps are %d", async (epochs, totalSteps) => {
    const { start, lines } = await steps({ epochs, batchSize: 16 });
    expect(start).toMatchObject({ stepsPerEpoch: 5, totalSteps });
    expect(lines.at(-1)).toMatchObject({ step: totalSteps, epoch: totalSteps / 5 });
  });
});

describe("evaluation", () => {
  const evaluation = { fraction: 0.1, patience: 2, every: 2 };

  test("the best adapter is the one of the lowest loss", async () => {
    const training = { learningRate: 0.3, schedule: "constant", maxSteps: 20 } as const;
    const events = await runToEnd(smallRecipe(at("run"), { evaluation, training }));
    const [first, ...told] = events.filter((event): event is EvaluationEvent => event.type === "evaluation");
    expect(first).toMatchObject({ step: 0, best: false });
    const losses = told.map(({ evalLoss }) => evalLoss);
    const lowest = Math.min(...losses);
    expect(losses.at(-1)).toBeGreaterThan(lowest); // or best/ would be the last
    expect(told.map(({ best }) => best)).toEqual(
      losses.map((loss, i) => losses.slice(0, i).every((l) => loss < l)),
    );
    const { step } = told[losses.indexOf(lowest)]!;
    expect(events.at(-1)).toMatchObject({ best: { path: at("run/best"), step, evalLoss: lowest } });

    const again = { learningRate: 1e-30, maxSteps: 1 };
    await runToEnd(
      smallRecipe(at("again"), { adapter: { path: at("run/best") }, evaluation, training: again }),
    );
    expect(readMetrics(at("again")).at(-1)!.evalLoss).toBe(lowest);
  });

  test("stops a run that gets no better, with a checkpoint and the result", async () => {
    const training = { learningRate: 1e-30, maxSteps: 20 };
    const events = await runToEnd(smallRecipe(at("run"), { evaluation, training }));
    expect(events.slice(-2)).toMatchObject([
      { type: "checkpoint", step: 6 },
      { type: "end", step: 6, reason: "early-stopping", path: at("run/adapter") },
    ]);
  });

  test("of patience that ends with the schedule is a run completed", async () => {
    const training = { learningRate: 1e-30, maxSteps: 6 };
    const events = await runToEnd(smallRecipe(at("run"), { evaluation, training }));
    expect(events.at(-1)).toMatchObject({ step: 6, reason: "completed" });
  });
});
