import { cpSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readTensor } from "../files/safetensors.ts";
import { readSafetensorsHeader } from "../files/safetensors_file.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { goldenPath } from "../testing/goldens.ts";
import type { EvaluationEvent, StartEvent, StepEvent, TrainEvent } from "../training/events.ts";
import type { RecipeInput } from "../training/recipe.ts";
import { caseRecipe } from "./testing/cases.ts";
import { readMetrics, runToEnd, smallRecipe } from "./testing/runs.ts";

const at = temporaryDirectory();
const places = () => ({ model: at("model"), output: at("run") });
const ratesOf = (events: TrainEvent[]) =>
  events.filter((event): event is StepEvent => event.type === "step").map((event) => event.learningRate);
const evaluationsOf = (events: TrainEvent[]) =>
  events.filter((event): event is EvaluationEvent => event.type === "evaluation");

test("k1: a run of one step trains in it", async () => {
  const events = await runToEnd(await caseRecipe("k1", places()));
  expect(ratesOf(events)).toEqual([2e-4]);
  const { tensors } = await readSafetensorsHeader(at("run/adapter/adapter_model.safetensors"));
  const B = [...tensors.values()].filter(({ name }) => name.includes("lora_B"));
  for (const entry of B) expect((await readTensor(entry)).some((value) => value !== 0)).toBe(true);
});

describe("the highest rate, where none is given", () => {
  const small = (changes: Partial<RecipeInput>) =>
    smallRecipe(at("run"), {
      ...changes,
      training: { maxSteps: 2, learningRate: undefined, ...changes.training },
    });

  async function rate(recipe: RecipeInput) {
    const events = await runToEnd(recipe);
    const { learningRate } = events[0] as StartEvent;
    expect(Math.max(...ratesOf(events))).toBe(learningRate.value);
    const written = JSON.parse(readFileSync(at("run/recipe.json"), "utf8"));
    expect(written.training.learningRate).toBe(learningRate.value);
    return learningRate;
  }

  test("k2: (IA)³'s", async () => {
    const recipe = await caseRecipe("k2", places());
    expect(await rate(recipe)).toEqual({ value: 3e-3, origin: "(IA)³'s default" });
  });

  test("k3: of a model's own weights", async () => {
    const recipe = await caseRecipe("k3", places());
    expect(await rate(recipe)).toEqual({ value: 2e-5, origin: "the default for a model's own weights" });
  });

  test.each<[Partial<RecipeInput>, number, string]>([
    [{ trainableLayers: 1, adapter: undefined }, 2e-5, "the default for a model's own weights"],
    [{ adapter: { type: "lora" } }, 2e-4, "LoRA's default"],
    [{ adapter: { type: "lora", useRslora: true } }, 2e-4, "LoRA's default"],
    [{ adapter: { type: "lora", useDora: true } }, 2e-4, "DoRA's default"],
    [{ adapter: { type: "vera" } }, 1e-2, "VeRA's default"],
    [{ training: { learningRate: 3e-4 } }, 3e-4, "the recipe's"],
    [{ stage: "finetune" }, 2e-4, "LoRA's default"],
    [
      { stage: "pretrain", adapter: undefined, data: [{ path: goldenPath("data/corpus.txt") }] },
      2e-5,
      "the default for a model's own weights",
    ],
  ])("%j: %d", async (changes, value, origin) => {
    expect(await rate(small(changes))).toEqual({ value, origin });
  });

  test("of random weights", async () => {
    cpSync(goldenPath("models/llama-gqa"), at("blank"), {
      recursive: true,
      filter: (path) => !path.endsWith(".safetensors"),
    });
    const recipe = small({
      stage: "pretrain",
      model: at("blank"),
      adapter: undefined,
      data: [{ path: goldenPath("data/corpus.txt") }],
    });
    expect(await rate(recipe)).toEqual({ value: 5e-4, origin: "the default for random weights" });
  });

  test.each([
    ["ia3", 3e-3, "(IA)³'s default"],
    ["vera", 1e-2, "VeRA's default"],
    ["lora", 2e-4, "LoRA's default"],
  ] as const)("of an adapter of type %s that goes on", async (type, value, origin) => {
    await runToEnd({ ...small({ adapter: { type }, training: { maxSteps: 1 } }), output: at("first") });
    expect(await rate(small({ adapter: { path: at("first/adapter") } }))).toEqual({ value, origin });
  });
});

describe("evaluations, where nothing is said of them", () => {
  test("k4: one before the first step and one after each epoch", async () => {
    const events = await runToEnd(await caseRecipe("k4", places()));
    expect(evaluationsOf(events).map(({ step, epoch }) => [step, epoch])).toEqual([
      [0, 0],
      [3, 1],
      [6, 2],
      [9, 3],
    ]);
    expect(readMetrics(at("run"))[0]).toMatchObject({ step: 0, epoch: 0 });
  });

  test("the first one is not made again when the run goes on", async () => {
    const recipe = smallRecipe(at("run"), { evaluation: { fraction: 0.1 }, training: { saveEvery: 2 } });
    for (const stop of ["evaluation 0", "step 1", "step 5"]) {
      const signal = new AbortController();
      await runToEnd(recipe, {
        signal: signal.signal,
        see: ({ type, step }) => stop === `${type} ${step}` && signal.abort(),
      });
    }
    await runToEnd(recipe);
    await runToEnd({ ...recipe, output: at("unbroken") });
    expect(readMetrics(at("run"))).toEqual(readMetrics(at("unbroken")));
    expect(readMetrics(at("run")).filter(({ step }) => step === 0).length).toBe(1);
  });

  test("training.evaluateEvery, the earlier name, counts, and is idle where nothing is held out", async () => {
    const training = { evaluateEvery: 4 };
    const events = await runToEnd(smallRecipe(at("run"), { evaluation: { fraction: 0.1 }, training }));
    expect(evaluationsOf(events).map(({ step }) => step)).toEqual([0, 4, 6]);
    const [start] = await runToEnd(smallRecipe(at("idle"), { training: { ...training, maxSteps: 1 } }));
    expect((start as StartEvent).warnings).toEqual([
      expect.stringContaining("training.evaluateEvery has no effect"),
    ]);
  });
});
