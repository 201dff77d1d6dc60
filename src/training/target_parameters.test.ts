/** LoRA on the parameters of mixtures' experts: PEFT's `target_parameters`. */
import { cpSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { fitAdapter } from "../adapters/fit_adapter.ts";
import type { LoraConfig } from "../adapters/lora/lora_config.ts";
import { readAdapterDirectory, writeAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { planAdapter } from "../adapters/plan_adapter.ts";
import { adapterSites } from "../adapters/targets/sites.ts";
import { mergeAdapter, unmergeAdapter } from "../export/merge.ts";
import { readTensor, type TensorEntry } from "../files/safetensors.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { createDecoder, openDecodingSession } from "../generation/decoder.ts";
import { loadModel } from "../generation/load_model.ts";
import { adapterFeeds } from "../generation/runtime_adapter.ts";
import { openModel } from "../pretrained/open_model.ts";
import { readMetrics, runToEnd, smallRecipe } from "../run/testing/runs.ts";
import { openSession } from "../runtime/node.ts";
import { goldenPath, maxDifference, readGoldenTensors } from "../testing/goldens.ts";
import { AttuneError } from "../text/errors.ts";
import { openEngine } from "./engine.ts";
import { createOptimizer } from "./optimizer.ts";
import type { RecipeInput } from "./recipe.ts";
import { openGoldenRun } from "./testing/golden_run.ts";
import { finishedAdapter } from "./trained_adapter.ts";

const at = temporaryDirectory();
const session = { device: "cpu", threads: 1 } as const;
const CASES = readdirSync(goldenPath("target_parameters"));

async function logitsOf(base: string, inputIds: readonly number[], adapterPath?: string) {
  const { model, directory } = await openModel(base);
  const adapter = adapterPath
    ? fitAdapter(await readAdapterDirectory(adapterPath), adapterSites(model))
    : undefined;
  const decoding = await openDecodingSession(model, directory.tensors, openSession, session, adapter);
  const decoder = createDecoder(decoding, model.dimensions, adapter && adapterFeeds(adapter));
  return decoder.score(inputIds).finally(() => decoding.release());
}

/** PEFT's merge of the last layer's experts; files that hold them apart say the same in other words. */
async function expectMerged(tensors: ReadonlyMap<string, TensorEntry>, path: string, rounding: number) {
  for (const [name, { data }] of Object.entries(
    await readGoldenTensors(goldenPath(`${path}/merged.safetensors`)),
  )) {
    const entry = tensors.get(name);
    if (!entry) continue;
    const off = (await readTensor(entry)).map(
      (value, i) => Math.abs(value - data[i]!) / Math.max(1, Math.abs(data[i]!)),
    );
    expect(Math.max(...off), name).toBeLessThan(rounding);
  }
}

/**
 * Gates far below 0 let next to nothing through: GPT-OSS's golden has some. Of such gradients, below Adam's epsilon, its steps are the
 * rounding of a sigmoid. Losses and norms don't show it.
 */
describe.each(CASES)("%s", (name) => {
  const path = `target_parameters/${name}`;
  const final = goldenPath(`${path}/final`);
  const golden: { model: string; float32Noise: { gradNorm: number } } = JSON.parse(
    readFileSync(goldenPath(`${path}/case.json`), "utf8"),
  );

  test("20 steps, and what they make, are PEFT's", async () => {
    const { model, method, adapter, examples, settings, steps } = await openGoldenRun(path);
    const engine = await openEngine(model, method, openSession, { rowLength: 128, session });
    const optimizer = createOptimizer(method.trainables);
    expect(steps).toHaveLength(20);
    for (const [i, wanted] of steps.entries()) {
      const start = (i * settings.batchSize) % examples.length;
      const { loss, gradients } = await engine.gradients(examples.slice(start, start + settings.batchSize));
      const gradNorm = optimizer.step(gradients, {
        ...settings,
        step: i + 1,
        learningRate: wanted.learningRate,
      });
      expect(Math.abs(loss / wanted.loss - 1), `loss of step ${i + 1}`).toBeLessThan(2e-6); // the bound is 1e-5
      // PEFT itself is further from float64 where a delta rule's keys are made of next to nothing.
      const most = Math.max(2e-5, 3 * golden.float32Noise.gradNorm);
      expect(Math.abs(gradNorm / wanted.gradNorm - 1), `gradNorm of step ${i + 1}`).toBeLessThan(most);
    }
    await engine.release();
    await writeAdapterDirectory(at("adapter"), finishedAdapter(adapter!, method.trainables));
    const saved = await readGoldenTensors(at("adapter/adapter_model.safetensors"));
    const theirs = await readGoldenTensors(`${final}/adapter_model.safetensors`);
    expect(Object.keys(saved).sort()).toEqual(Object.keys(theirs).sort());
    for (const [key, { data, shape }] of Object.entries(theirs)) {
      expect(saved[key]!.shape).toEqual(shape);
      const off = data.filter((value, i) => Math.abs(saved[key]!.data[i]! - value) > 2e-6);
      expect(off.length / data.length, key).toBeLessThanOrEqual(model.modelType === "gpt_oss" ? 0.15 : 0);
    }
  });

  test("PEFT's adapter has its logits, and its merge has them, too", async () => {
    const { model } = await openGoldenRun(path);
    const base = goldenPath(golden.model);
    expect((await openModel(base)).model.modelType).toBe(model.modelType);
    const { input_ids, logits } = await readGoldenTensors(goldenPath(`${path}/logits.safetensors`));
    const ids = [...input_ids!.data];
    const adapted = await logitsOf(base, ids, final);
    expect(maxDifference(adapted, logits!.data)).toBeLessThan(5e-5);
    expect(maxDifference(adapted, await logitsOf(base, ids))).toBeGreaterThan(0.05);
    await mergeAdapter({ model: base, adapter: final, output: at("merged") });
    const { directory } = await openModel(at("merged"));
    expect(directory.config.quantization_config).toBeUndefined();
    const isRounded = [...directory.tensors.values()].some(({ dtype }) => dtype === "BF16");
    expect(isRounded).toBe(name === "mxfp4");
    await expectMerged(directory.tensors, path, isRounded ? 2 ** -8 : 1e-7);
    if (isRounded) return; // another choice of experts
    expect(maxDifference(await logitsOf(at("merged"), ids), adapted)).toBeLessThan(5e-5);
    await unmergeAdapter({ model: at("merged"), adapter: final, output: at("taken") });
    expect(maxDifference(await logitsOf(at("taken"), ids), await logitsOf(base, ids))).toBeLessThan(5e-5);
  });
});

test("a recipe trains the experts of a model in MXFP4, goes on, and talks with what it made", async () => {
  cpSync(goldenPath("mxfp4"), at("base"), { recursive: true });
  for (const file of ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"])
    cpSync(goldenPath(`models/llama-gqa/${file}`), at(`base/${file}`));
  const adapter: RecipeInput["adapter"] = {
    type: "lora",
    r: 2,
    targetModules: ["q_proj"],
    targetParameters: ["experts.down_proj"],
  };
  const recipe = (output: string, maxSteps: number) =>
    smallRecipe(at(output), {
      model: at("base"),
      adapter,
      training: { maxSteps, saveEvery: 2, schedule: "constant" },
    });
  await runToEnd(recipe("run", 4));
  const losses = readMetrics(at("run")).map(({ loss }) => loss!);
  expect(losses).toHaveLength(4);
  const { config, modules } = await readAdapterDirectory(at("run/adapter"));
  expect(config.targetParameters).toEqual(["experts.down_proj"]);
  expect([...modules.keys()].filter((module) => /experts\.down_proj$/.test(module))).toHaveLength(2);
  const answer = async (adapters?: string) => {
    const model = await loadModel(at("base"), { adapters, threads: 1 });
    const logits = await model.logits([5, 6, 7]);
    await model.release();
    return logits;
  };
  expect(maxDifference(await answer(at("run/adapter")), await answer())).toBeGreaterThan(1e-3);
});

describe("settings are refused by name", () => {
  const config: LoraConfig = {
    type: "lora",
    r: 2,
    alpha: 4,
    dropout: 0,
    targetModules: [],
    targetParameters: ["experts.down_proj"],
  };
  const refusal = async (base: string, change: Partial<LoraConfig>) => {
    const { model } = await openModel(goldenPath(base));
    try {
      planAdapter({ ...config, ...change }, model, { keepsUnquantized: true });
    } catch (error) {
      expect(error).toBeInstanceOf(AttuneError);
      return (error as AttuneError).message;
    }
    return "planned";
  };

  test.each<[string, Partial<LoraConfig>, RegExp]>([
    ["families/gpt_oss", {}, /^planned$/],
    [
      "families/gpt_oss",
      { targetParameters: ["experts.up_proj"] },
      /no parameter of experts matches experts\.up_proj.*This model's: experts\.gate_up_proj, experts\.down_proj/s,
    ],
    [
      "models/llama-gqa",
      { targetParameters: ["down_proj"] },
      /This model has no mixtures of experts: name its linear layers in targetModules/,
    ],
    [
      "families/gpt_oss",
      { targetParameters: [] },
      /targetModules is empty, and targetParameters names nothing either/,
    ],
    ["families/gpt_oss", { dropout: 0.1 }, /targetParameters together with dropout is not supported/],
    ["families/gpt_oss", { useDora: true }, /targetParameters together with useDora is not supported/],
    [
      "families/gpt_oss",
      { initLoraWeights: "pissa" },
      /targetParameters together with initLoraWeights pissa/,
    ],
    [
      "families/gpt_oss",
      { initLoraWeights: "loftq" },
      /targetParameters together with initLoraWeights loftq/,
    ],
    ["families/gpt_oss", { r: 17 }, /experts\.down_proj: rank 17 is above the matrix's, 16/],
  ])("%s, %j", async (base, change, message) => {
    expect(await refusal(base, change)).toMatch(message);
  });
});
