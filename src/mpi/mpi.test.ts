import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readTensor } from "../files/safetensors.ts";
import { readSafetensorsHeader } from "../files/safetensors_file.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { readMetrics, runToEnd, smallRecipe } from "../run/testing/runs.ts";
import { goldenPath, maxDifference } from "../testing/goldens.ts";
import type { RecipeInput } from "../training/recipe.ts";
import { attuneTogether, installed, oneWorld, runTogether, trainTogether } from "./testing/mpirun.ts";

const at = temporaryDirectory();

const pairs = [1, 2, 3, 4, 5].map((i) => ({
  prompt: `Say ${i}`,
  chosen: "yes ".repeat(i),
  rejected: `no ${i}`,
}));
const evaluation = { fraction: 0.2 };
const KINDS: Record<string, Partial<RecipeInput>> = {
  sft: { evaluation: { ...evaluation, generate: 5 } },
  dpo: { objective: { type: "dpo" }, data: [{ rows: pairs }] },
  full: { adapter: undefined, training: { maxSteps: 4, learningRate: 1e-3 } },
  qlora: { model: goldenPath("models/llama-gqa"), quantization: { type: "nf4" } },
};

const ALL = Object.keys(KINDS);

/** As sft, but for what gradients travel as. */
const ROUNDED = "rounded";
KINDS[ROUNDED] = { ...KINDS.sft, training: { communicationDataType: "bfloat16" } };
const recipes = (output: string, kinds: readonly string[]) =>
  kinds.map((name) => smallRecipe(at(output, name), KINDS[name]));

function startedWith(output: string, kinds: readonly string[], ...stop: string[]): [string, ...string[]] {
  writeFileSync(at(`${output}.json`), JSON.stringify(recipes(output, kinds)));
  return [at(`${output}.json`), ...stop];
}

const FIGURES = ["loss", "evalLoss", "gradNorm", "rewards/margins", "eval_bleu"];

/** What a run said, as numbers in a row. */
const figures = (output: string) =>
  readMetrics(output).flatMap((line) => FIGURES.map((name) => line[name] ?? 0));

async function expectSame(output: string, kinds: readonly string[]): Promise<void> {
  for (const kind of kinds) {
    const [one, other] = [figures(at("alone", kind)), figures(at(output, kind))];
    expect(maxDifference(other, one), kind).toBeLessThanOrEqual(1e-6 * Math.max(...one.map(Math.abs)));
    if (kind === "full") continue;
    const [a, b] = await Promise.all([at("alone", kind), at(output, kind)].map(weightsOf));
    for (const [name, data] of a!) expect(maxDifference(b!.get(name)!, data), name).toBeLessThanOrEqual(1e-6);
  }
}

const losses = (output: string) => readMetrics(output).flatMap(({ loss }) => loss ?? []);

/** Rounded on the way: near, and not equal. */
function expectClose(found: number[], wanted: number[]): void {
  expect(found).toHaveLength(wanted.length);
  expect(found).not.toEqual(wanted);
  for (const [i, loss] of found.entries()) expect(Math.abs(loss / wanted[i]! - 1)).toBeLessThan(1e-2);
}

async function weightsOf(run: string): Promise<Map<string, Float32Array>> {
  const { tensors } = await readSafetensorsHeader(join(run, "adapter/adapter_model.safetensors"));
  const read = [...tensors].map(async ([name, entry]) => [name, await readTensor(entry)] as const);
  return new Map(await Promise.all(read));
}

describe.skipIf(installed.length === 0)("processes that MPI started", () => {
  test("give one process's losses and results, whatever their number, also stopped and gone on with", async () => {
    for (const recipe of recipes("alone", ALL)) await runToEnd(recipe);
    for (const [i, by] of installed.entries()) {
      const kinds = i === 0 ? ALL : ["sft", "dpo"];
      runTogether(trainTogether(by, 2 + i, ...startedWith(by, i === 0 ? [...kinds, ROUNDED] : kinds)));
      await expectSame(by, kinds);
    }
    expectClose(losses(at(installed[0]!, ROUNDED)), losses(at("alone/sft")));
    const by = installed.at(-1)!;
    runTogether(trainTogether(by, 2, ...startedWith("parts", ["sft"], "2")));
    expect(readMetrics(at("parts/sft")).at(-1)).toMatchObject({ step: 2 });
    runTogether(trainTogether(by, 3, ...startedWith("parts", ["sft"])));
    await expectSame("parts", ["sft"]);
  }, 240_000);

  test.each(installed.slice(0, 1))(
    "%s: a rank with another recipe is refused before the first step, by name",
    (by) => {
      const one = attuneTogether(by, 1, "train", writeRecipe("one", {}));
      const other = attuneTogether(by, 1, "train", writeRecipe("other", { seed: 7 }));
      expect(() => runTogether(oneWorld(one, other))).toThrow(/rank 1: another recipe than rank 0/);
      expect(readdirSync(at())).not.toContain("run");
    },
    60_000,
  );

  test.each(installed.slice(0, 1))(
    "%s: stages go one after the other, and the first rank alone writes",
    (by) => {
      const { output, ...settings } = smallRecipe(at("staged"), { training: { maxSteps: 2 } });
      const { data, adapter, ...shared } = settings;
      const stages = [
        { name: "first", data, adapter: null },
        { name: "second", data, adapter },
      ];
      writeFileSync(at("staged.json"), JSON.stringify({ ...shared, output, stages }));
      runTogether(attuneTogether(by, 2, "train", at("staged.json")));
      const { finished } = JSON.parse(readFileSync(join(output, "stages.json"), "utf8"));
      expect(finished).toMatchObject([
        { name: "first", result: "model" },
        { name: "second", result: "adapter" },
      ]);
    },
    60_000,
  );
});

function writeRecipe(name: string, changes: Partial<RecipeInput>): string {
  writeFileSync(at(`${name}.json`), JSON.stringify(smallRecipe(at("run"), changes)));
  return at(`${name}.json`);
}
