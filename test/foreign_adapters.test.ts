/** Adapters as PEFT writes them in its less usual ways, and as others name their tensors, against what PEFT makes of them. */
import { cpSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Adapter } from "../src/adapters/adapter.ts";
import { fitAdapter } from "../src/adapters/fit_adapter.ts";
import { readAdapterDirectory } from "../src/adapters/peft/adapter_directory.ts";
import { adapterSites } from "../src/adapters/targets/sites.ts";
import { combineAdapterDirectories } from "../src/export/combine_directories.ts";
import { mergeAdapter } from "../src/export/merge.ts";
import { copyOf } from "../src/files/safetensors.ts";
import { readSafetensorsHeader, writeSafetensors } from "../src/files/safetensors_file.ts";
import { temporaryDirectory } from "../src/files/testing/temporary_directory.ts";
import { createDecoder, openDecodingSession } from "../src/generation/decoder.ts";
import { adapterFeeds } from "../src/generation/runtime_adapter.ts";
import { readModel } from "../src/models/families.ts";
import { type ModelDirectory, openModelDirectory } from "../src/pretrained/model_directory.ts";
import { saveAdapter } from "../src/run/saving.ts";
import { openSession } from "../src/runtime/node.ts";
import { goldenPath, maxDifference, readGoldenTensors } from "../src/testing/goldens.ts";
import { openEngine } from "../src/training/engine.ts";
import { adapterMethod } from "../src/training/method.ts";
import { createOptimizer } from "../src/training/optimizer.ts";
import { goldenExamples } from "../src/training/testing/golden_examples.ts";

interface Case {
  model: string;
  learningRate: number;
  /** Of each step. */
  losses: number[];
  /** Keys that PEFT puts into the model, and those it misses when they aren't there. */
  loadable: string[];
  needed: string[];
}

const at = temporaryDirectory();
const session = { device: "cpu", threads: 1 } as const;
const cases = readdirSync(goldenPath("foreign"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !["tied", "untied"].includes(entry.name))
  .map(({ name }) => name);

async function open(name: string) {
  const golden: Case = JSON.parse(readFileSync(goldenPath(`foreign/${name}/case.json`), "utf8"));
  const path = goldenPath(golden.model);
  const directory = await openModelDirectory(path);
  const model = readModel(directory.config);
  const adapterPath = goldenPath(`foreign/${name}/adapter`);
  const adapter = fitAdapter(await readAdapterDirectory(adapterPath), adapterSites(model));
  const logits = await readGoldenTensors(goldenPath(`foreign/${name}/logits.safetensors`));
  return { golden, path, directory, model, adapter, adapterPath, logits };
}

async function score(from: ModelDirectory, ids: readonly number[], own?: Adapter) {
  const model = readModel(from.config);
  const opened = await openDecodingSession(model, from.tensors, openSession, session, own);
  const decoder = createDecoder(opened, model.dimensions, own && adapterFeeds(own));
  const result = await decoder.score(ids);
  await opened.release();
  return result;
}

describe.each(cases)("%s", (name) => {
  test("logits equal PEFT's, merged too", async () => {
    const { directory, adapter, logits, path, adapterPath } = await open(name);
    const ids = logits.input_ids!.data;
    // The bound is 1e-4; measured is 9.6e-6.
    expect(maxDifference(await score(directory, ids, adapter), logits.logits!.data)).toBeLessThan(3e-5);
    await mergeAdapter({ model: path, adapter: adapterPath, output: at("merged") });
    const merged = await openModelDirectory(at("merged"));
    expect(maxDifference(await score(merged, ids), logits.logits!.data)).toBeLessThan(3e-5);
  });

  test("a few steps equal PEFT's, and what is saved loads there", async () => {
    const { golden, directory, model, adapter, logits } = await open(name);
    const method = adapterMethod(directory.tensors, adapter, undefined, { embedding: model.ends.embedding });
    const engine = await openEngine(model, method, openSession, { rowLength: 32, session });
    const examples = goldenExamples("goldens/foreign/examples.json");
    const optimizer = createOptimizer(method.trainables);
    for (const [step, wanted] of golden.losses.entries()) {
      const { loss, gradients } = await engine.gradients(examples.slice((4 * step) % 8).slice(0, 4));
      expect(Math.abs(loss - wanted) / wanted, `step ${step + 1}`).toBeLessThan(2e-6);
      const { learningRate } = golden;
      optimizer.step(gradients, { step: step + 1, learningRate, weightDecay: 0.1, maxGradNorm: 1 });
    }
    await engine.release();

    await saveAdapter(adapter, method.trainables)(at("saved"));
    const { tensors } = await readSafetensorsHeader(join(at("saved"), "adapter_model.safetensors"));
    const keys = [...tensors.keys()];
    expect(keys.filter((key) => !golden.loadable.includes(key))).toEqual([]);
    expect(golden.needed.filter((key) => !keys.includes(key))).toEqual([]);
    const again = fitAdapter(await readAdapterDirectory(at("saved")), adapterSites(model));
    const trained = await score(directory, logits.input_ids!.data, again);
    if (logits.trained_logits) expect(maxDifference(trained, logits.trained_logits.data)).toBeLessThan(2e-4);
  });
});

describe("adapters that bring the base's ends along", () => {
  const path = (name: string) => goldenPath(`foreign/${name}/adapter`);
  const combine = (names: string[]) =>
    combineAdapterDirectories({
      adapters: names.map((name, i) => ({ name: `${i}`, path: path(name), weight: 0.5 })),
      model: goldenPath("foreign/tied"),
      method: "cat",
      output: at("combined"),
    });

  test("are combined over one base", async () => {
    const { directory, model, adapter, logits } = await open("resized-tied");
    await combine(["resized-tied", "resized-tied"]);
    const sum = fitAdapter(await readAdapterDirectory(at("combined")), adapterSites(model));
    const ids = logits.input_ids!.data;
    expect(
      maxDifference(await score(directory, ids, sum), await score(directory, ids, adapter)),
    ).toBeLessThan(1e-5);
    rmSync(at("combined"), { recursive: true });
    await combine(["resized-tied", "resized-lora-embed"]).then(
      () => expect.unreachable(),
      (error) =>
        expect(error.message).toMatch(/0 and 1 bring different values of model\.embed_tokens\.weight along/),
    );
  });
});

test("of unlike values for tied ends the output layer's count, which PEFT loads last", async () => {
  const { tensors } = await readSafetensorsHeader(
    goldenPath("foreign/resized-tied/adapter/adapter_model.safetensors"),
  );
  cpSync(goldenPath("foreign/resized-tied/adapter"), at("unlike"), { recursive: true });
  const sources = [...tensors.values()].map((entry) => {
    const zeros = new Float32Array(entry.byteLength / 4);
    return entry.name.includes("embed_tokens") ? { ...copyOf(entry), data: () => zeros } : copyOf(entry);
  });
  await writeSafetensors(at("unlike/adapter_model.safetensors"), sources);
  const { directory, model, logits } = await open("resized-tied");
  const adapter = fitAdapter(await readAdapterDirectory(at("unlike")), adapterSites(model));
  const ids = logits.input_ids!.data;
  expect(maxDifference(await score(directory, ids, adapter), logits.logits!.data)).toBeLessThan(3e-5);
});
