import { relative } from "node:path";
import type { Command } from "commander";
import { runDemo } from "../demo.ts";
import { examples } from "../help.ts";
import { packageFile } from "../package_root.ts";
import { untilStopped } from "../until_stopped.ts";

export const demoCommand = (command: Command): Command =>
  command
    .description(
      "The main job in minutes, offline: asks a tiny base model held-out questions of many kinds, tunes it with LoRA on generated instructions, asks again, and shows answers, scores and the loss.",
    )
    .option("-o, --output <dir>", "where data, recipe and run go", "runs/demo")
    .addHelpText(
      "after",
      examples([
        ["attune demo", "everything goes to runs/demo"],
        ["attune demo --output /tmp/demo", "or elsewhere"],
      ]),
    )
    .action(demo);

/** What `attune demo` does, but for where and on what screen. */
export const demoSettings = {
  perTask: { train: 1000, heldOut: 20 },
  adapter: { type: "lora", r: 16, alpha: 32, dropout: 0, targetModules: "all-linear" },
  training: {
    epochs: 1,
    batchSize: 32,
    maxLength: 128,
    learningRate: 5e-3,
    warmupRatio: 0.05,
    saveEvery: 200,
  },
  seed: 1,
} as const;

const demo = ({ output }: { output: string }): Promise<void> =>
  untilStopped(async (screen, signal) => {
    const base = shortest(packageFile("demo/base"));
    await runDemo({ ...demoSettings, base, output, screen, signal });
  });

/** As it is best read in messages and recipes. */
function shortest(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith("..") ? path : short;
}
