import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { quantizeModel } from "../export/quantize_model.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { goldenPath } from "../testing/goldens.ts";
import { parseRecipe, type RecipeInput } from "../training/recipe.ts";
import { contents, messageOf, readMetrics, runToEnd, smallRecipe } from "./testing/runs.ts";

const at = temporaryDirectory();
beforeEach(() => {
  vi.stubEnv("ATTUNE_CACHE", at("cache"));
});
afterEach(() => {
  vi.unstubAllEnvs();
});

const recipe = (name: string, changes: Partial<RecipeInput> = {}) =>
  smallRecipe(at(name), { compute: "int8", ...changes });
const lossesOf = (name: string) => readMetrics(at(name)).map(({ loss }) => loss!);

describe("compute: int8", () => {
  test("losses stay near the exact ones, and are others", async () => {
    await runToEnd(recipe("int8"));
    await runToEnd(recipe("exact", { compute: undefined }));
    await runToEnd(recipe("float32", { compute: "float32" }));
    const [int8, exact] = [lossesOf("int8"), lossesOf("exact")];
    expect(exact).toHaveLength(6);
    // Measured 1.6e-4 at the first step, 2.9e-3 at the last.
    for (const [i, loss] of exact.entries()) expect(Math.abs(int8[i]! / loss - 1)).toBeLessThan(5e-3);
    expect(int8).not.toEqual(exact);
    expect(lossesOf("float32")).toEqual(exact);
  });

  test("activations are rounded, too: quantized weights alone give other losses", async () => {
    await runToEnd(recipe("int8"));
    await runToEnd(recipe("weights", { compute: undefined, quantization: { type: "int8" } }));
    await runToEnd(recipe("both", { quantization: { type: "int8" } }));
    expect(lossesOf("int8")).not.toEqual(lossesOf("weights"));
    expect(lossesOf("both")).toEqual(lossesOf("int8"));
  });

  test("a model whose files are in int8 is multiplied as it is", async () => {
    await quantizeModel({
      model: goldenPath("models/llama-gqa"),
      output: at("model"),
      quantization: { type: "int8" },
    });
    await runToEnd(recipe("files", { model: at("model") }));
    await runToEnd(recipe("made"));
    expect(lossesOf("files")).toEqual(lossesOf("made"));
  });

  test("a run that was stopped goes on bit for bit", async () => {
    const settings = { shuffle: true, training: { maxSteps: 6, saveEvery: 2 } };
    const signal = new AbortController();
    await runToEnd(recipe("unbroken", settings));
    await runToEnd(recipe("broken", settings), {
      signal: signal.signal,
      see: (event) => event.type === "step" && event.step === 3 && signal.abort(),
    });
    await runToEnd(recipe("broken", settings));
    expect(readMetrics(at("broken"))).toEqual(readMetrics(at("unbroken")));
    expect(contents(at("broken/adapter"))).toEqual(contents(at("unbroken/adapter")));
  });

  test("terms that read the weight itself, and held-out answers", async () => {
    const events = await runToEnd(
      recipe("dora", {
        adapter: { type: "lora", r: 4, useDora: true, targetModules: "all-linear" },
        evaluation: { fraction: 0.1, generate: 2, maxTokens: 4 },
        training: { maxSteps: 2 },
      }),
    );
    expect(events.at(-1)!.type).toBe("end");
  });
});

describe("refused", () => {
  const refusal = (changes: object) => () => parseRecipe({ ...recipe("run"), ...changes });

  test("training the model's own weights", () => {
    expect(refusal({ adapter: undefined })).toThrow(
      /compute: int8 multiplies by frozen weights.*give an adapter/s,
    );
    expect(refusal({ adapter: undefined, trainableLayers: 1 })).toThrow(/compute: int8 multiplies by frozen/);
  });

  test.each(["nf4", "fp4"])("4-bit codes: %s", (type) => {
    expect(refusal({ quantization: { type } })).toThrow(/compute: .*leave quantization or compute out/s);
  });

  test("a model whose files are in 4 bits", async () => {
    const quantization = { type: "nf4" } as const;
    await quantizeModel({ model: goldenPath("models/llama-gqa"), output: at("model"), quantization });
    const text = await messageOf(runToEnd(recipe("run", { model: at("model") })));
    expect(text).toMatch(/model\.safetensors: .*\.weight: compute int8 .* in nf4.*Leave compute out/s);
  });

  test("another device, before anything is written", async () => {
    const text = await messageOf(runToEnd(recipe("run"), { device: "webgpu" }));
    expect(text).toMatch(/compute: int8 runs on cpu, and the device is webgpu/);
  });
});
