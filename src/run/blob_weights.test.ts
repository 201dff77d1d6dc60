import { openAsBlob, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadModel, type MemoryFiles, openBase, readAdapter, type TrainOptions, train } from "../browser.ts";
import type { Base } from "../pretrained/base_of.ts";
import { openSession } from "../runtime/node.ts";
import { goldenPath } from "../testing/goldens.ts";
import type { MemoryEndEvent, MemoryRecipe } from "./memory_run.ts";

const MODEL = goldenPath("models/llama-sharded");
const rows: object[] = JSON.parse(readFileSync(goldenPath("data/alpaca.json"), "utf8"));
const recipe: MemoryRecipe = {
  data: [{ rows }],
  adapter: { type: "lora", r: 4, targetModules: ["q_proj", "v_proj"] },
  training: { maxSteps: 2, batchSize: 4, maxLength: 64, learningRate: 2e-3 },
};

const names = readdirSync(MODEL);
const bytes: MemoryFiles = Object.fromEntries(names.map((name) => [name, readFileSync(join(MODEL, name))]));
const blobs: MemoryFiles = Object.fromEntries(
  await Promise.all(names.map(async (name) => [name, await openAsBlob(join(MODEL, name))])),
);

async function run(base: Base, options: TrainOptions) {
  const losses: number[] = [];
  let end: MemoryEndEvent | undefined;
  for await (const event of train(base, recipe, options)) {
    if (event.type === "step") losses.push(event.loss);
    if (event.type === "end") end = event;
  }
  return { losses, adapter: end!.files };
}

/** Next tokens' logits are enough to tell models apart. */
async function answer(base: Base, adapter: MemoryFiles) {
  const model = await loadModel(base, { adapters: { tuned: adapter }, threads: 1 });
  const { text } = await model.complete("Hello", { maxTokens: 8, temperature: 0 });
  await model.release();
  return text;
}

test("a model given as Blobs trains and answers as the same one given as bytes", async () => {
  const [inBlobs, inBytes] = [await openBase(blobs), await openBase(bytes)];
  const options = { device: "wasm", threads: 1 } as const;
  const [found, expected] = [await run(inBlobs, options), await run(inBytes, options)];
  expect(found.losses).toHaveLength(2);
  expect(found).toEqual(expected);
  const adapter = Object.fromEntries(
    Object.entries(found.adapter).map(([name, content]) => [name, new Blob([content as BlobPart])]),
  );
  expect((await readAdapter(adapter)).config).toEqual((await readAdapter(found.adapter)).config);
  expect(await answer(inBlobs, adapter)).toBe(await answer(inBytes, found.adapter));
});

test("Node's runtime names the Blob it can't read", async () => {
  const running = run(await openBase(blobs), { openSession, device: "cpu" });
  await expect(running).rejects.toMatchObject({
    code: "runtime.blob-in-node",
    place: expect.stringMatching(/^model\/model-0000.*\.safetensors$/),
  });
});
