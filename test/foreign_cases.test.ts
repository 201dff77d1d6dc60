/** Adapters of test/cases, whose tensors are named and shaped as other tools write them, from first to last. */
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { fitAdapter } from "../src/adapters/fit_adapter.ts";
import { readAdapterDirectory } from "../src/adapters/peft/adapter_directory.ts";
import { adapterSites } from "../src/adapters/targets/sites.ts";
import { mergeAdapter } from "../src/export/merge.ts";
import { readSafetensorsHeader, writeSafetensors } from "../src/files/safetensors_file.ts";
import { temporaryDirectory } from "../src/files/testing/temporary_directory.ts";
import { sizeOf } from "../src/graph/tensor.ts";
import { readModel } from "../src/models/families.ts";
import { initializeWeights } from "../src/models/initialize.ts";
import { openModelDirectory } from "../src/pretrained/model_directory.ts";
import { requireSameBase } from "../src/pretrained/same_base.ts";
import { randomNormals } from "../src/random/random.ts";
import { messageOf, readMetrics, runToEnd } from "../src/run/testing/runs.ts";

const at = temporaryDirectory();
const casePath = (path: string) => fileURLToPath(new URL(`cases/${path}`, import.meta.url));
const json = (path: string) => JSON.parse(readFileSync(casePath(path), "utf8"));

/** A model of random weights by one of the configs, its vocabulary enlarged or not. */
async function base(name: string, vocabulary = 512): Promise<string> {
  const path = at("base");
  cpSync(casePath(`models/${name}`), path, { recursive: true });
  const config = { ...json(`models/${name}/config.json`), vocab_size: vocabulary, initializer_range: 0.1 };
  writeFileSync(join(path, "config.json"), JSON.stringify(config));
  const weights = initializeWeights(readModel(config), 7);
  await writeTensors(
    join(path, "model.safetensors"),
    new Map([...weights].map(([key, { shape, data }]) => [key, { shape, data }])),
  );
  return path;
}

/** Random values, the same for a tied end under each of its names. */
async function adapter(id: string, from: string): Promise<string> {
  const path = at("theirs");
  mkdirSync(path);
  const config = { ...json(`${id}/adapter_config.json`), base_model_name_or_path: from };
  writeFileSync(join(path, "adapter_config.json"), JSON.stringify(config));
  const shapes = Object.entries(json(`${id}/tensors.json`) as Record<string, number[]>);
  const seed = (key: string) =>
    /embed_tokens|lm_head/.test(key) ? (key.includes("delta") ? "rows" : "end") : key;
  const values = (key: string, shape: number[]) =>
    randomNormals(sizeOf(shape), 1, seed(key), 0).map((x) => 0.1 * x);
  await writeTensors(
    join(path, "adapter_model.safetensors"),
    new Map(shapes.map(([key, shape]) => [key, { shape, data: values(key, shape) }])),
  );
  return path;
}

const writeTensors = (path: string, tensors: Map<string, { shape: readonly number[]; data: Float32Array }>) =>
  writeSafetensors(
    path,
    [...tensors].map(([name, { shape, data }]) => ({
      name,
      dtype: "F32",
      shape: [...shape],
      data: () => data,
    })),
  );

const rows = Array.from({ length: 6 }, (_, i) => ({
  instruction: `Count to ${i}.`,
  output: "one two three",
}));

// id, base, its vocabulary
test.each<[string, string, number?]>([
  ["j1", "chatml", 520],
  ["j2", "bos", 520],
  ["j3", "chatml", 520],
  ["j4", "chatml"],
  ["j5", "bos"],
  ["j7", "bos"],
  ["j8", "chatml"],
  ["j10", "chatml", 520],
  ["l5", "chatml"],
])("%s is trained on, saved, read and merged", async (id, name, vocabulary) => {
  const model = await base(name, vocabulary);
  const theirs = await adapter(id, model);
  writeFileSync(at("rows.json"), JSON.stringify(rows));
  await runToEnd({
    model,
    adapter: { path: theirs },
    data: [{ path: at("rows.json") }],
    training: { maxSteps: 2, batchSize: 2, learningRate: 1e-3, warmupRatio: 0, maxLength: 64 },
    output: at("run"),
  });
  expect(readMetrics(at("run")).filter(({ loss }) => Number.isFinite(loss))).toHaveLength(2);
  const sites = adapterSites(readModel(JSON.parse(readFileSync(join(model, "config.json"), "utf8"))));
  const made = fitAdapter(await readAdapterDirectory(at("run")), sites); // a run's directory is enough
  expect(made.modules.size).toBe(4);
  const { tensors } = await readSafetensorsHeader(at("run/adapter/adapter_model.safetensors"));
  const names = [...tensors.keys()];
  expect(names.filter((key) => /default|\.modules_to_save\.|magnitude_vector\.weight/.test(key))).toEqual([]);
  const { agreement } = await mergeAdapter({ model, adapter: at("run"), output: at("merged") });
  expect(agreement.maxDifference).toBeLessThan(1e-4);
});

test("a base whose vocabulary was not enlarged is named", async () => {
  const model = await base("chatml");
  const run = runToEnd({
    model,
    adapter: { path: await adapter("j1", model) },
    data: [{ path: "x" }],
    output: at("run"),
  });
  expect(await messageOf(run)).toMatch(
    /vocabulary of 520 tokens, the model has 512\. Give the model as it was then: enlarged by .*resize_token_embeddings\(520\)/,
  );
});

describe("j9", () => {
  const names: { base: string; "the same": string[]; another: string[] } = json("j9/names.json");

  test("another owner's or form's name is the same model, with a warning; another model is refused by name", async () => {
    const snapshot = at("hub", `models--${names.base.replace("/", "--")}`, "snapshots", "abc");
    cpSync(await base("chatml"), snapshot, { recursive: true });
    const directory = await openModelDirectory(snapshot);
    for (const name of names["the same"]) {
      const warnings: string[] = [];
      await requireSameBase(name, "theirs", directory, (text) => warnings.push(text));
      expect(warnings.join()).toContain(name);
    }
    for (const name of names.another)
      await expect(requireSameBase(name, "theirs", directory)).rejects.toThrow(
        `base_model_name_or_path is ${name}, and ${names.base} is another model`,
      );
  });
});
