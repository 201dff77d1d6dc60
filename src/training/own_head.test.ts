import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { readTensor } from "../files/safetensors.ts";
import { ownHeadCopy } from "../files/testing/own_head.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { modelLayout } from "../models/layout.ts";
import { type OpenModel, openModel } from "../pretrained/open_model.ts";
import { openSession } from "../runtime/node.ts";
import { goldenPath } from "../testing/goldens.ts";
import { openEngine } from "./engine.ts";
import { adapterMethod, fullMethod, type Method } from "./method.ts";
import { createOptimizer } from "./optimizer.ts";
import { learningRateAt } from "./schedule.ts";
import { goldenExamples } from "./testing/golden_examples.ts";

const at = temporaryDirectory();
const golden = JSON.parse(readFileSync(goldenPath("ends/losses.json"), "utf8"));

const METHODS: Record<string, (opened: OpenModel) => Promise<Method>> = {
  lora: async ({ directory }) =>
    adapterMethod(
      directory.tensors,
      await readAdapterDirectory(goldenPath("training/qwen2-tied-lora-qv/initial")),
    ),
  async full({ directory, model }) {
    const weights = new Map<string, { shape: readonly number[]; data: Float32Array }>();
    for (const [name, shape] of modelLayout(model).parameters)
      weights.set(name, { shape, data: await readTensor(directory.tensors.get(name)!) });
    return fullMethod(weights);
  },
};

test.each(Object.keys(METHODS))(
  "a tied model with an output layer of its own, %s: 20 steps equal PEFT's",
  async (name) => {
    const opened = await openModel(await ownHeadCopy(goldenPath(golden.model), at("model")));
    const method = await METHODS[name]!(opened);
    const options = { rowLength: 128, session: { device: "cpu", threads: 1 } } as const;
    const engine = await openEngine(opened.model, method, openSession, options);
    const examples = goldenExamples(golden.examples);
    const optimizer = createOptimizer(method.trainables);
    const { settings } = golden;
    const losses: number[] = golden.losses[name];
    let worst = 0;
    for (const [i, expected] of losses.entries()) {
      const batch = examples.slice(i * settings.batchSize, (i + 1) * settings.batchSize);
      const { loss, gradients } = await engine.gradients(batch);
      const schedule = { ...settings, name: settings.schedule, totalSteps: losses.length };
      optimizer.step(gradients, { ...settings, step: i + 1, learningRate: learningRateAt(i + 1, schedule) });
      worst = Math.max(worst, Math.abs(loss - expected) / expected);
    }
    await engine.release();
    // The bound is 1e-5.
    expect(worst).toBeLessThan(1e-6);
  },
);
