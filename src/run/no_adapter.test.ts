import { existsSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import type { TrainEvent } from "../training/events.ts";
import { contents, messageOf, readMetrics, runToEnd, smallRecipe } from "./testing/runs.ts";

const at = temporaryDirectory();
const recipeOf = (name: string) =>
  smallRecipe(at(name), { training: { maxSteps: 4, batchSize: 1, maxLength: 64 } });

/** Vulkan's loader finds no driver then, whatever is installed. */
const WITHOUT = { VK_ICD_FILENAMES: "/no/driver.json", VK_DRIVER_FILES: "/no/driver.json" };
const elsewhere = process.platform !== "linux" && "WebGPU doesn't stand on Vulkan here";

describe.skipIf(elsewhere)(`a machine without a GPU${elsewhere ? ` (skipped: ${elsewhere})` : ""}`, () => {
  const before = Object.keys(WITHOUT).map((name) => [name, process.env[name]] as const);
  beforeAll(() => Object.assign(process.env, WITHOUT));
  afterAll(() => {
    for (const [name, value] of before)
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
  });

  test("a run on WebGPU says so in a sentence, with no place in the runtime's source, and writes nothing", async () => {
    const said = await messageOf(runToEnd(recipeOf("new"), { device: "webgpu" }));
    expect(said).toMatch(
      /^AttuneError: device webgpu is not available here: Failed to get a WebGPU adapter: [^\n]*\. Use device: cpu\.$/,
    );
    expect(said).not.toMatch(/onnxruntime_src|lambda|…/);
    expect(existsSync(at("new"))).toBe(false);
  });

  test("a run that was begun elsewhere is as it was, and goes on on the CPU to the bit", async () => {
    const stop = new AbortController();
    const see = (event: TrainEvent) => void (event.type === "step" && event.step === 2 && stop.abort());
    await runToEnd(recipeOf("half"), { signal: stop.signal, see });
    const kept = contents(at("half"));
    expect(await messageOf(runToEnd(recipeOf("half"), { device: "webgpu" }))).toMatch(/not available here/);
    expect(contents(at("half"))).toEqual(kept);
    await runToEnd(recipeOf("half"));
    await runToEnd(recipeOf("whole"));
    expect(readMetrics(at("half"))).toEqual(readMetrics(at("whole")));
  });
});
