/** A tied model whose file holds an output layer of its own, through all that is made of models: none of it loses one. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { readTensor } from "../files/safetensors.ts";
import { readSafetensorsHeader } from "../files/safetensors_file.ts";
import { ownHeadCopy } from "../files/testing/own_head.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { loadModel } from "../generation/load_model.ts";
import { openModel } from "../pretrained/open_model.ts";
import { runToEnd } from "../run/testing/runs.ts";
import { goldenPath, maxDifference, readGoldenTensors } from "../testing/goldens.ts";
import { combineAdapterDirectories } from "./combine_directories.ts";
import { extractAdapter } from "./extract_adapter.ts";
import { mergeAdapter, unmergeAdapter } from "./merge.ts";
import { quantizeModel } from "./quantize_model.ts";

const at = temporaryDirectory();
const NAME = "models/qwen2-tied";
const ADAPTER = goldenPath("training/qwen2-tied-lora-qv/final");
const HEAD = "lm_head.weight";
const golden = await readGoldenTensors(goldenPath("ends/logits.safetensors"));
const inputs = await readGoldenTensors(goldenPath(`${NAME}/logits.safetensors`));

beforeEach(async () => {
  await ownHeadCopy(goldenPath(NAME), at("model"));
});

const headOf = async (path: string) => {
  const { tensors } = await readSafetensorsHeader(join(path, "model.safetensors"));
  return readTensor(tensors.get(HEAD)!);
};
const configOf = (path: string) => JSON.parse(readFileSync(join(path, "config.json"), "utf8"));

/** As transformers loads it: both ends are in the files, and config.json says so. */
async function expectBothEnds(path: string): Promise<void> {
  expect(maxDifference(await headOf(path), await headOf(at("model")))).toBeLessThan(1e-6);
  expect(configOf(path).tie_word_embeddings).toBe(false);
  expect((await openModel(path)).model.tied).toBe(false);
}

/** Logits at every eighth place, as the golden has them. */
async function logitsOf(path: string, adapters?: string): Promise<number[]> {
  const model = await loadModel(path, { adapters, threads: 1 });
  const T = inputs.input_ids!.shape[1]!;
  const logits = await model.logits(inputs.input_ids!.data.slice(0, T));
  await model.release();
  const V = logits.length / T;
  return Array.from({ length: T / 8 }, (_, i) => [...logits.slice(8 * i * V, (8 * i + 1) * V)]).flat();
}

test("it is talked to as transformers computes it", async () => {
  expect(maxDifference(await logitsOf(at("model")), golden[NAME]!.data)).toBeLessThan(5e-5);
});

test("token by token it computes what it does in one pass", async () => {
  const model = await loadModel(at("model"), { threads: 1 });
  const prompt = inputs.input_ids!.data.slice(0, 5);
  const ids: number[] = [];
  for await (const id of model.generate(prompt, { temperature: 0, maxTokens: 8 })) ids.push(id);
  const all = [...prompt, ...ids];
  const logits = await model.logits(all);
  const V = logits.length / all.length;
  const best = (t: number) => {
    const row = logits.subarray(t * V, (t + 1) * V);
    return row.indexOf(Math.max(...row));
  };
  expect(ids).toEqual(ids.map((_, i) => best(prompt.length - 1 + i)));
  await model.release();
});

test("all weights are trained: the model that is written holds both ends", async () => {
  const data = [{ path: goldenPath("data/alpaca.json") }];
  const training = { maxSteps: 1, learningRate: 1e-12, warmupRatio: 0, maxLength: 96 };
  await runToEnd({ model: at("model"), data, training, output: at("run") });
  await expectBothEnds(at("run/model"));
  expect(maxDifference(await logitsOf(at("run/model")), golden[NAME]!.data)).toBeLessThan(5e-5);
});

test("an adapter is merged, and taken out again", async () => {
  await mergeAdapter({ model: at("model"), adapter: ADAPTER, output: at("merged") });
  await expectBothEnds(at("merged"));
  const [apart, merged] = [await logitsOf(at("model"), ADAPTER), await logitsOf(at("merged"))];
  expect(maxDifference(apart, merged)).toBeLessThan(1e-4);
  await unmergeAdapter({ model: at("merged"), adapter: ADAPTER, output: at("unmerged") });
  await expectBothEnds(at("unmerged"));
});

describe("linear layers are quantized, both ends are not", () => {
  test.each(["nf4", "int8"] as const)("%s", async (type) => {
    await quantizeModel({ model: at("model"), output: at("quantized"), quantization: { type } });
    await expectBothEnds(at("quantized"));
    await mergeAdapter({ model: at("quantized"), adapter: ADAPTER, output: at("merged") });
    await expectBothEnds(at("merged"));
  });
});

test("an adapter is extracted between two of them, and combined over one", async () => {
  await mergeAdapter({ model: at("model"), adapter: ADAPTER, output: at("merged") });
  const extracted = { base: at("model"), tuned: at("merged"), output: at("extracted"), r: 8 };
  const { kept, lost } = await extractAdapter(extracted);
  expect(kept).toBeGreaterThan(0.999);
  expect(lost).toEqual([]);
  const adapters = [{ name: "a", path: at("extracted"), weight: 1 }];
  await combineAdapterDirectories({ adapters, method: "linear", model: at("model"), output: at("combined") });
  const [first, second] = [await logitsOf(at("model"), ADAPTER), await logitsOf(at("model"), at("combined"))];
  expect(maxDifference(first, second)).toBeLessThan(1e-3);
});
