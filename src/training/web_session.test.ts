import { openAsBlob } from "node:fs";
import { expect, test } from "vitest";
import { readAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { readModel } from "../models/families.ts";
import { openModelDirectory } from "../pretrained/model_directory.ts";
import { openSession } from "../runtime/node.ts";
import type { OpenSession } from "../runtime/session.ts";
import { openSessionOver } from "../runtime/web.ts";
import { goldenPath } from "../testing/goldens.ts";
import { openEngine } from "./engine.ts";
import { adapterMethod } from "./method.ts";
import { createOptimizer } from "./optimizer.ts";
import { goldenExamples } from "./testing/golden_examples.ts";

/** Losses and gradient norms of three steps of four examples, the model's weights left in its files. */
async function steps(name: string, open: OpenSession, device: "cpu" | "wasm") {
  const { config, tensors } = await openModelDirectory(goldenPath(`models/${name}`));
  const adapter = await readAdapterDirectory(goldenPath(`training/${name}-lora-all/initial`));
  const method = adapterMethod(tensors, adapter);
  const session = { device, threads: 1 } as const;
  const engine = await openEngine(readModel(config), method, open, { rowLength: 128, session });
  const optimizer = createOptimizer(method.trainables);
  const examples = goldenExamples("data/tokens-chat-96.json");
  const metrics: number[] = [];
  for (let step = 1; step <= 3; step++) {
    const { loss, gradients } = await engine.gradients(examples.slice(4 * step - 4, 4 * step));
    const settings = { learningRate: 2e-3, weightDecay: 0.1, maxGradNorm: 1, step };
    metrics.push(loss, optimizer.step(gradients, settings));
  }
  await engine.release();
  return metrics;
}

test.each(["llama-gqa", "llama-bf16"])("steps on the web's runtime equal Node's: %s", async (name) => {
  const file = goldenPath(`models/${name}/model.safetensors`);
  const web = openSessionOver(new Map([[file, await openAsBlob(file)]]));
  const [found, expected] = [await steps(name, web, "wasm"), await steps(name, openSession, "cpu")];
  for (const [i, value] of expected.entries()) expect(Math.abs(found[i]! - value) / value).toBeLessThan(1e-6); // measured 2e-7
});
