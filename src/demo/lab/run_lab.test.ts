import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readRecipe } from "../../cli/recipe_file.ts";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { goldenPath } from "../../testing/goldens.ts";
import { type LabOptions, type PartResult, runLab } from "./run_lab.ts";

const at = temporaryDirectory();

/** Short budgets: what a recipe says beside them stays. */
const options = (own: Partial<LabOptions> = {}): LabOptions => ({
  base: goldenPath("models/llama-gqa"),
  output: at("lab"),
  seeds: 1,
  parts: ["base", "single-task"],
  training: { maxSteps: 2 },
  ...own,
});

async function ran(given: LabOptions): Promise<{ results?: PartResult[]; work: string[] }> {
  const work: string[] = [];
  const events = runLab(given);
  for (;;) {
    const { done, value } = await events.next();
    if (done) return { results: value, work };
    if (value.type === "part") work.push(`${value.part} ${value.work}`);
  }
}

test("runs each part once: a second start reads what the first one measured, and refuses other settings", async () => {
  const first = await ran(options());
  expect(first.work).toEqual(["base run", "single-task run"]);
  const [base, single] = first.results!;
  expect(Object.keys(base!.answers)).toEqual(["seen", "unseen"]);
  expect(base!.texts.old!.every(([nll, tokens]) => nll > 0 && tokens > 0)).toBe(true);
  expect(single!.trainedParameters).toBeGreaterThan(0);

  const again = await ran(options());
  expect(again.work).toEqual(["base nothing", "single-task nothing"]);
  expect(again.results).toEqual(first.results);

  const recipe = await readRecipe(at("lab", "seed-1", "single-task.recipe.json"));
  expect(recipe).toMatchObject({ stage: "finetune", seed: 1, training: { maxSteps: 2 } });

  const other = ran(options({ training: { maxSteps: 3 } }));
  await expect(other).rejects.toMatchObject({ code: "demo.other-lab" });
});

test("extends the vocabulary, and measures both on the same text", async () => {
  const rows = Array.from({ length: 40 }, (_, i) => ({ text: `第${i}天我们学习新的语言模型。`.repeat(4) }));
  writeFileSync(at("zh.json"), JSON.stringify(rows));
  const parts = ["vocabulary", "chinese-extended"] as const;
  const { results } = await ran(options({ parts, chinese: at("zh.json") }));
  const [spelled, extended] = results!;
  const tokens = (name: string) => spelled!.texts[name]!.reduce((sum, [, count]) => sum + count, 0);
  expect(tokens("extended")).toBeLessThan(tokens("old"));
  expect(spelled!.answers.kept!.every(([, same]) => same === 1)).toBe(true);
  expect(extended!.texts.chinese).toHaveLength(spelled!.texts.old!.length);
  const config = JSON.parse(readFileSync(at("lab", "extended", "config.json"), "utf8"));
  const old = JSON.parse(readFileSync(goldenPath("models/llama-gqa/config.json"), "utf8"));
  expect(config.vocab_size).toBeGreaterThan(old.vocab_size);
});

test("without Chinese text the parts that need it are left out", async () => {
  expect((await ran(options({ parts: ["vocabulary"] }))).results).toEqual([]);
});
