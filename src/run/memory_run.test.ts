import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { loadModel, type MemoryFiles, openBase, type TrainOptions, train } from "../browser.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { loadModel as loadFromDisk } from "../generation/load_model.ts";
import type { Base } from "../pretrained/base_of.ts";
import { openSession } from "../runtime/node.ts";
import { goldenPath } from "../testing/goldens.ts";
import type { MemoryEndEvent, MemoryRecipe, MemoryTrainEvent } from "./memory_run.ts";
import { messageOf, readMetrics, runToEnd } from "./testing/runs.ts";

const at = temporaryDirectory();
const MODEL = goldenPath("models/llama-gqa");
const rows: object[] = JSON.parse(readFileSync(goldenPath("data/alpaca.json"), "utf8"));
const recipe: MemoryRecipe = {
  data: [{ rows }],
  adapter: { type: "lora", r: 4, dropout: 0.2, targetModules: ["q_proj", "v_proj"] },
  evaluation: { fraction: 0.1, every: 3 },
  training: { maxSteps: 6, batchSize: 4, maxLength: 64, learningRate: 2e-3, saveEvery: 4 },
};

const filesOf = (directory: string): MemoryFiles =>
  Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name))]));

const options = (more: TrainOptions = {}): TrainOptions => ({
  openSession,
  device: "cpu",
  threads: 1,
  ...more,
});

async function runInMemory(base: Base, of: MemoryRecipe, more?: TrainOptions) {
  const events: MemoryTrainEvent[] = [];
  for await (const event of train(base, of, options(more))) events.push(event);
  return { events, end: events.at(-1) as MemoryEndEvent };
}

const figures = (events: readonly MemoryTrainEvent[]) =>
  events.flatMap((event) => {
    if (event.type === "step") return [[event.step, event.loss, event.gradNorm, event.learningRate]];
    return event.type === "evaluation" ? [[event.step, event.evalLoss]] : [];
  });

describe("a run in memory", () => {
  let base: Base;
  beforeAll(async () => {
    base = await openBase(filesOf(MODEL));
  });

  const METHODS: [string, Partial<MemoryRecipe>][] = [
    ["LoRA", {}],
    ["all weights", { adapter: undefined }],
    ["rows that are held out", { evaluation: { rows: rows.slice(0, 7), every: 3 } }],
    ["an objective with a reference", { objective: { type: "dpo" }, data: [{ rows: pairs() }] }],
  ];
  test.each(METHODS)("%s: computes what a run on the disk does, to the bit", async (_, changes) => {
    const settings = { ...recipe, ...changes };
    await runToEnd({ ...settings, model: MODEL, output: at("run") });
    const { events, end } = await runInMemory(base, settings);
    const onDisk = readMetrics(at("run")).map(({ step, loss, gradNorm, learningRate, evalLoss }) =>
      evalLoss === undefined ? [step, loss, gradNorm, learningRate] : [step, evalLoss],
    );
    expect(figures(events)).toEqual(onDisk);
    expect(end).toMatchObject({ type: "end", reason: "completed", step: 6 });
    const directory = at(settings.adapter ? "run/adapter" : "run/model");
    for (const [name, bytes] of Object.entries(end.files))
      if (name.endsWith(".safetensors"))
        expect(Buffer.compare(bytes, readFileSync(join(directory, name))), name).toBe(0);
  });

  test("goes on from a checkpoint, bit for bit", async () => {
    const kept = new Map<number, Uint8Array>();
    const saveCheckpoint = async (bytes: Uint8Array, step: number) => {
      kept.set(step, bytes);
      return `memory ${step}`;
    };
    const whole = await runInMemory(base, recipe, { saveCheckpoint });
    expect(whole.events.filter(({ type }) => type === "checkpoint")).toMatchObject([
      { step: 4, path: "memory 4" },
      { step: 6, path: "memory 6" },
    ]);
    const rest = await runInMemory(base, recipe, { checkpoint: kept.get(4)! });
    expect(rest.events[0]).toMatchObject({ type: "start", step: 4 });
    expect(figures(rest.events)).toEqual(figures(whole.events).filter(([step]) => step! > 4));
    expect(rest.end.files).toEqual(whole.end.files);

    const other = { ...recipe, data: [{ rows: rows.slice(1) }] };
    const refused = (of: MemoryRecipe, checkpoint: Uint8Array) =>
      messageOf(runInMemory(base, of, { checkpoint }));
    expect(await refused(other, kept.get(4)!)).toMatch(/changed since step 4: the data/);
    expect(await refused({ ...recipe, seed: 1 }, kept.get(4)!)).toMatch(/changed since step 4: the recipe/);
    expect(await refused(recipe, whole.end.files["adapter_model.safetensors"]!)).toMatch(
      /isn't one of attune's/,
    );
    expect(await refused(recipe, Uint8Array.of(1, 2))).toMatch(/checkpoint: .*2 bytes/);
  });

  test("goes on from an adapter's files, and talks with them as from the disk", async () => {
    const first = await runInMemory(base, recipe);
    const next = await runInMemory(base, { ...recipe, adapter: undefined }, { adapter: first.end.files });
    expect(figures(next.events)[0]![1]).toBeLessThan(figures(first.events)[0]![1]!);
    await runToEnd({ ...recipe, model: MODEL, output: at("run") });
    const onDisk = await loadFromDisk(MODEL, { adapters: at("run/adapter") });
    const loaded = await loadModel(base, { ...options(), adapters: { mine: first.end.files } });
    const tokens = [5, 6, 7, 8];
    expect(await loaded.logits(tokens)).toEqual(await onDisk.logits(tokens));
    await Promise.all([loaded.release(), onDisk.release()]);
  });

  test("measures what else is asked for when the held-out loss is", async () => {
    const { events } = await runInMemory(base, recipe, { evaluate: async (step) => ({ f1: step / 10 }) });
    const held = events.filter((event) => event.type === "evaluation");
    expect(held.map(({ step, metrics }) => [step, metrics.f1])).toEqual([
      [0, 0],
      [3, 0.3],
      [6, 0.6],
    ]);
  });

  test.each<[string, Partial<MemoryRecipe>, RegExp]>([
    ["a path", { data: [{ path: "a.json" }] }, /data\.0\.path: it needs a disk.*Give the rows/],
    [
      "an evaluation's answers",
      { evaluation: { fraction: 0.1, generate: 5 } },
      /evaluation\.generate: it needs a disk.*option evaluate/,
    ],
    ["products in 8 bits", { compute: "int8" }, /compute: it needs a disk.*float32/],
    ["quantization", { quantization: { type: "nf4" } }, /quantization: it needs a disk/],
    ["an adapter's path", { adapter: { path: "runs/a" } }, /adapter\.path: it needs a disk/],
    ["a template's file", { template: "mine.jinja" }, /template "mine.jinja": there is no such template/],
  ])("refuses %s", async (_, changes, expected) => {
    expect(await messageOf(runInMemory(base, { ...recipe, ...changes }))).toMatch(expected);
  });

  test("a model's faults are those of its directory", async () => {
    const { "config.json": _, ...rest } = filesOf(MODEL);
    await expect(openBase(rest)).rejects.toMatchObject({
      place: "model",
      problem: expect.stringContaining("no config.json"),
    });
    const broken = { ...filesOf(MODEL), "model.safetensors": Uint8Array.of(1) };
    const place = "mine/model.safetensors";
    await expect(openBase(broken, { name: "mine" })).rejects.toMatchObject({ place });
  });
});

function pairs(): object[] {
  return (rows as { instruction: string; output: string }[]).map(({ instruction, output }, i) => ({
    prompt: instruction,
    chosen: output,
    rejected: (rows[(i + 1) % rows.length] as { output: string }).output,
  }));
}
