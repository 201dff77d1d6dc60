/**
 * What `compute: int8` costs in quality: the demo's base, LoRA, the demo's tasks, by seed exact, in 8 bits, and exact at a
 * learning rate a thousandth higher, whose difference is that of any small change.
 *
 *   npx tsx bench/int8.ts [--steps 200] [--seeds 1,2,3] [--rate 1e-3] [--threads N]
 *
 * Prints for each seed, and of all, the final losses on held-out rows, and how far they are from exact's.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { demoSettings } from "../src/cli/commands/demo.ts";
import { instructionSet } from "../src/demo/instructions.ts";
import { train } from "../src/run/train.ts";
import type { RecipeInput } from "../src/training/recipe.ts";

const { values } = parseArgs({
  options: {
    steps: { type: "string", default: "200" },
    seeds: { type: "string", default: "1,2,3" },
    /** The learning rate; the demo's own, which is high, when left out. */
    rate: { type: "string" },
    threads: { type: "string" },
  },
});
const threads = values.threads === undefined ? undefined : +values.threads;
const { perTask, adapter, training } = demoSettings;
const base = fileURLToPath(new URL("../demo/base", import.meta.url));
const rows = (split: "train" | "heldOut", perTask: number, seed: number) =>
  instructionSet({ seed, perTask, split }).map(({ instruction, input, output }) => ({
    instruction,
    input,
    output,
  }));

/** How far apart two exact runs are that differ by a thousandth in learning rate: what steps make of any small change. */
const OTHER_RATE = 1.001;
const all: Record<"exact" | "int8" | "other", number>[] = [];
for (const seed of values.seeds.split(",").map(Number)) {
  const exact = await finalLosses(seed, {});
  const { after: int8 } = await finalLosses(seed, { compute: "int8" });
  const { after: other } = await finalLosses(seed, { rate: OTHER_RATE });
  const losses = { exact: exact.after, int8, other };
  all.push(losses);
  console.log(JSON.stringify({ seed, before: exact.before, ...losses, ...apart(losses) }));
}
const mean = (name: "exact" | "int8" | "other") => all.reduce((sum, run) => sum + run[name], 0) / all.length;
const means = { exact: mean("exact"), int8: mean("int8"), other: mean("other") };
console.log(JSON.stringify({ ...means, ...apart(means) }));

function apart({ exact, int8, other }: (typeof all)[number]) {
  return { int8Difference: int8 / exact - 1, otherDifference: other / exact - 1 };
}

interface Change {
  compute?: RecipeInput["compute"];
  rate?: number;
}

async function finalLosses(seed: number, { compute, rate = 1 }: Change) {
  const output = mkdtempSync(join(tmpdir(), "attune-bench-"));
  const recipe: RecipeInput = {
    model: base,
    adapter,
    data: [{ rows: rows("train", perTask.train, seed) }],
    evaluation: { rows: rows("heldOut", perTask.heldOut, seed), every: +values.steps },
    training: {
      ...training,
      epochs: undefined,
      maxSteps: +values.steps,
      learningRate: rate * Number(values.rate ?? training.learningRate),
    },
    compute,
    seed,
    output,
  };
  const losses: number[] = [];
  try {
    for await (const event of train(recipe, { threads }))
      if (event.type === "evaluation") losses.push(event.evalLoss);
  } finally {
    rmSync(output, { recursive: true, force: true });
  }
  return { before: losses[0]!, after: losses.at(-1)! };
}
