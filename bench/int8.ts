/**
 * What `compute: int8` costs in quality: the demo's base, LoRA, the demo's tasks, by seed exact and in 8 bits.
 *
 *   npx tsx bench/int8.ts [--steps 200] [--seeds 1,2,3] [--threads N]
 *
 * Prints for each seed the final loss on held-out rows of both runs, and how far they are apart.
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

for (const seed of values.seeds.split(",").map(Number)) {
  const [exact, int8] = [await finalLosses(seed, "float32"), await finalLosses(seed, "int8")];
  const line = { seed, before: exact.before, exact: exact.after, int8: int8.after };
  console.log(JSON.stringify({ ...line, difference: int8.after / exact.after - 1 }));
}

async function finalLosses(seed: number, compute: RecipeInput["compute"]) {
  const output = mkdtempSync(join(tmpdir(), "attune-bench-"));
  const recipe: RecipeInput = {
    model: base,
    adapter,
    data: [{ rows: rows("train", perTask.train, seed) }],
    evaluation: { rows: rows("heldOut", perTask.heldOut, seed), every: +values.steps },
    training: { ...training, epochs: undefined, maxSteps: +values.steps },
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
