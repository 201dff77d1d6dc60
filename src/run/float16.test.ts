import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type MemoryTrainEvent, openBase, train } from "../browser.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { openSession } from "../runtime/node.ts";
import type { OpenSession } from "../runtime/session.ts";
import { goldenPath } from "../testing/goldens.ts";
import { contents, messageOf, readMetrics, runToEnd, smallRecipe } from "./testing/runs.ts";

const at = temporaryDirectory();

/** Computes what WebGPU would on the CPU, which has float16 as well; the gradient of pass `spoiled` is infinite. */
function inPlaceOfGpu(spoiled = 0): OpenSession {
  let passes = 0;
  return async (model, { threads }) => {
    const session = await openSession(model, { device: "cpu", threads });
    if (!model.outputs.has("nll")) return session;
    return {
      ...session,
      async run(feeds, into) {
        const outputs = await session.run(feeds, into);
        const gradient = outputs["gradient trained 0"];
        if (gradient && ++passes === spoiled) (gradient.data as Float32Array)[0] = Number.POSITIVE_INFINITY;
        return outputs;
      },
    };
  };
}

const recipeOf = (name: string, saveEvery = 100) =>
  smallRecipe(at(name), {
    compute: "float16",
    training: { maxSteps: 4, batchSize: 1, maxLength: 64, saveEvery },
  });
const options = (spoiled = 0) => ({ device: "webgpu", openSession: inPlaceOfGpu(spoiled) }) as const;

test("a step whose gradient isn't finite is skipped, counted and said", async () => {
  await runToEnd(recipeOf("skips"), options(2));
  const lines = readMetrics(at("skips"));
  expect(
    lines.map(({ gradNorm, lossScale, skippedSteps }) => [gradNorm! > 0, lossScale, skippedSteps]),
  ).toEqual([
    [true, 2 ** 16, 0],
    [false, 2 ** 15, 1],
    [true, 2 ** 15, 1],
    [true, 2 ** 15, 1],
  ]);
  expect(JSON.parse(readFileSync(at("skips", "summary.json"), "utf8"))).toMatchObject({ skippedSteps: 1 });
  expect(readFileSync(at("skips", "report.html"), "utf8")).toContain("1 skipped: its gradient was too large");
});

test("a run goes on with its scale, to the bit", async () => {
  await runToEnd(recipeOf("whole", 3), options(2));
  const stop = new AbortController();
  const see = ({ type }: { type: string }) => type === "checkpoint" && stop.abort();
  await runToEnd(recipeOf("halves", 3), { ...options(2), signal: stop.signal, see });
  await runToEnd(recipeOf("halves", 3), options());
  expect(readMetrics(at("halves"))).toEqual(readMetrics(at("whole")));
  expect(contents(at("halves", "adapter"))).toEqual(contents(at("whole", "adapter")));
});

test("in memory, too", async () => {
  const directory = goldenPath("models/llama-gqa");
  const files = readdirSync(directory).map((name) => [name, readFileSync(join(directory, name))]);
  const base = await openBase(Object.fromEntries(files));
  const { model: _, output: __, ...recipe } = recipeOf("none", 2);
  const rows = JSON.parse(readFileSync(goldenPath("data/alpaca.json"), "utf8"));
  const run = async (more: object, spoiled = 0) => {
    const figures: unknown[] = [];
    const events: AsyncIterable<MemoryTrainEvent> = train(
      base,
      { ...recipe, data: [{ rows }] },
      { ...options(spoiled), threads: 1, ...more },
    );
    for await (const event of events)
      if (event.type === "step") figures.push([event.step, event.loss, event.metrics]);
    return figures;
  };
  const kept = new Map<number, Uint8Array>();
  const saveCheckpoint = async (bytes: Uint8Array, step: number) => {
    kept.set(step, bytes);
    return "";
  };
  const whole = await run({ saveCheckpoint }, 1);
  expect(whole[0]).toMatchObject([1, expect.any(Number), { lossScale: 2 ** 15, skippedSteps: 1 }]);
  expect(await run({ checkpoint: kept.get(2)! })).toEqual(whole.slice(2));
});

test("on another device it is refused before anything is read", async () => {
  const recipe = { ...recipeOf("cpu"), model: at("no model") };
  expect(await messageOf(runToEnd(recipe))).toMatch(/compute: float16 runs on webgpu, and the device is cpu/);
});
