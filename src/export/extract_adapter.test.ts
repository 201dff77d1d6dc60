import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readAdapterDirectory } from "../adapters/peft/adapter_directory.ts";
import { loadModel } from "../generation/load_model.ts";
import { goldenPath, maxDifference } from "../testing/goldens.ts";
import { combineAdapterDirectories } from "./combine_directories.ts";
import { extractAdapter } from "./extract_adapter.ts";
import { mergeAdapter } from "./merge.ts";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "attune-extract-"));
});
afterEach(() => rmSync(home, { recursive: true }));

const TOKENS = Array.from({ length: 24 }, (_, t) => (t * 37) % 300);
async function logitsOf(path: string, adapters?: string): Promise<Float32Array> {
  const model = await loadModel(path, { adapters, threads: 1 });
  return model.logits(TOKENS).finally(() => model.release());
}
const failing = (promise: Promise<unknown>) =>
  promise.then(
    () => "nothing was thrown",
    (error) => (error as Error).message,
  );

describe("extracted", () => {
  test.each([
    ["models/llama-gqa", "training/llama-gqa-lora-all/final", 8],
    ["families/gpt2", "families/gpt2/initial", 4],
  ])("of %s and the same with %s merged, at its rank: all of the difference", async (model, from, r) => {
    const [base, adapter, tuned] = [goldenPath(model), goldenPath(from), join(home, "tuned")];
    await mergeAdapter({ model: base, adapter, output: tuned });
    const report = await extractAdapter({ base, tuned, output: join(home, "found"), r });
    expect(report.kept).toBeGreaterThan(1 - 1e-9);
    expect(report.lost).toEqual([]);
    expect(report.modules.length).toBe((await readAdapterDirectory(adapter)).modules.size);
    const found = await readAdapterDirectory(join(home, "found"));
    expect(found.config).toMatchObject({ r, alpha: r });
    expect(found.baseModel).toBe(base);
    if (existsSync(join(base, "tokenizer.json")))
      expect(maxDifference(await logitsOf(base, join(home, "found")), await logitsOf(tuned))).toBeLessThan(
        1e-4,
      );

    const less = await extractAdapter({ base, tuned, output: join(home, "less"), r: 2 });
    expect(less.kept).toBeLessThan(0.999);
    expect(less.kept).toBeGreaterThan(0.3);
  });

  test("of all-weights training: most of it, and what no adapter holds is told", async () => {
    const [base, tuned] = [goldenPath("models/llama-gqa"), goldenPath("training/llama-gqa-full/final")];
    const keeps: number[] = [];
    for (const r of [1, 4, 16]) {
      const { kept, lost, modules } = await extractAdapter({ base, tuned, output: join(home, `${r}`), r });
      keeps.push(kept);
      expect(modules).toHaveLength(21);
      expect(lost.map(({ name }) => name)).toContain("model.embed_tokens.weight");
      expect(lost.map(({ name }) => name)).toContain("model.norm.weight");
      for (const { change } of lost) expect(change).toBeLessThan(0.2);
    }
    expect(keeps).toEqual([...keeps].sort());
    expect(keeps[2]).toBeGreaterThan(0.9); // measured 0.92
  });

  test("of a tied base and what a term on its output layer made of it", async () => {
    const [base, tuned] = [goldenPath("models/qwen2-tied"), join(home, "tuned")];
    await mergeAdapter({ model: base, adapter: goldenPath("adapters/qwen2-lora-ends/final"), output: tuned });
    const { kept, lost } = await extractAdapter({ base, tuned, output: join(home, "found"), r: 8 });
    expect(kept).toBeGreaterThan(1 - 1e-9);
    const ends = lost.map(({ name }) => name).sort();
    expect(ends).toEqual(["lm_head.weight", "model.embed_tokens.weight"]);
    const back = extractAdapter({ base: tuned, tuned: base, output: join(home, "back"), r: 8 });
    await expect(back).rejects.toThrow(/lm_head\.weight: .* has \[\d+, \d+\], .* has no such tensor/);
  });

  test("of models that can't be, or at no rank: refused", async () => {
    const base = goldenPath("models/llama-gqa");
    const extract = (tuned: string, r = 4) =>
      failing(extractAdapter({ base, tuned: goldenPath(tuned), output: join(home, "out"), r }));
    expect(await extract("models/llama-gqa")).toMatch(/don't differ in any linear layer/);
    expect(await extract("models/mistral-plain")).toMatch(/a llama model, .* a mistral/);
    expect(await extract("models/llama-bf16")).toMatch(/Give two models of one shape/);
    expect(await extract("training/llama-gqa-full/final", 17)).toMatch(
      /r: 17 is above what the matrix allows: .*k_proj is \[16/,
    );
    expect(await extract("training/llama-gqa-full/final", 0)).toMatch(/r: expected an integer of at least 1/);
    expect(existsSync(join(home, "out"))).toBe(false);
  });
});

describe("combined directories", () => {
  const adapters = (["one", "two", "three"] as const).map((name, i) => ({
    name,
    path: goldenPath(`combine/${name}`),
    weight: [0.7, 0.5, -0.3][i]!,
  }));
  const model = goldenPath("models/llama-gqa");

  test("are an adapter that loads and computes the weighted sum", async () => {
    const output = join(home, "cat");
    expect(await combineAdapterDirectories({ adapters, model, output, method: "cat" })).toEqual({
      modules: 9,
      r: 11,
    });
    const { config, baseModel } = await readAdapterDirectory(output);
    expect(config.targetModules).toEqual(["down_proj", "q_proj", "v_proj"]);
    expect(baseModel).toBe(model);
    const other = join(home, "svd");
    await combineAdapterDirectories({ adapters, output: other, method: "svd", rank: 11 });
    const [a, b] = [await logitsOf(model, output), await logitsOf(model, other)];
    expect(maxDifference(a, b)).toBeLessThan(1e-4);
    expect(maxDifference(a, await logitsOf(model))).toBeGreaterThan(0.1);
  });

  test("another base, or a directory that is taken: refused", async () => {
    const combine = (options: Partial<Parameters<typeof combineAdapterDirectories>[0]>) =>
      failing(combineAdapterDirectories({ adapters, output: join(home, "out"), method: "cat", ...options }));
    expect(await combine({ model: goldenPath("models/llama-bf16") })).toMatch(/does not fit the model/);
    expect(await combine({ output: goldenPath("combine") })).toMatch(/not empty/);
    expect(existsSync(join(home, "out"))).toBe(false);
  });
});
