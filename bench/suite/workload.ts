import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Job, Measured } from "./job.ts";
import type { Models, Shape } from "./models.ts";
import { recipeOf } from "./recipe.ts";
import type { Outcome } from "./results.ts";
import type { Rows } from "./rows.ts";
import type { Command } from "./run_job.ts";

/** One of those that are measured in turns. */
export interface Contender {
  name: string;
  side: "attune" | "TRL";
  /** Ratios are between contenders of one group. */
  group?: string;
  command: Command;
  /** Called before each measurement. */
  before?: () => void;
  /** Its losses aren't those of the others: it forms other batches, or starts elsewhere. */
  ownLosses?: boolean;
}

export interface Workload {
  /** The letter by which `--only` names it. */
  id: string;
  title: string;
  /** What is the same on both sides, and what isn't. */
  note: string;
  unit: string;
  rate(measured: Measured): number;
  contenders(): Contender[];
  /** What the table doesn't say. */
  remark?(outcomes: readonly Outcome[]): string;
}

/** What workloads are made from. */
export interface Bench {
  models: Models;
  rows: Rows;
  python: string;
  folder: string;
  /** Tiny shapes and few steps. */
  quick: boolean;
  /** A shape as it is, or a tiny one of its kind. */
  shape(shape: Shape): Shape;
}

/** Examples a second of the steps after the first, which compiles and warms up. */
export const examplesPerSecond = ({ steps }: Measured): number => {
  const steady = steps.length > 1 ? steps.slice(1) : steps;
  const sum = (of: (step: (typeof steps)[number]) => number) => steady.reduce((n, step) => n + of(step), 0);
  return sum(({ examples }) => examples) / sum(({ seconds }) => seconds);
};

export const stepsPerSecond = (measured: Measured): number =>
  examplesPerSecond({ ...measured, steps: measured.steps.map((step) => ({ ...step, examples: 1 })) });

/** With all that the first step needs before. */
export const examplesPerSecondInAll = ({ steps, before }: Measured): number =>
  steps.reduce((n, { examples }) => n + examples, 0) / steps.reduce((n, { seconds }) => n + seconds, before);

/** The built program, as users start it; what it doesn't tell, or can't be told, a process of the bench does. */
export const attuneCommand = (job: Job): Command =>
  job.task === "sft" && !job.device && !job.profile
    ? builtCommand(job)
    : { words: [process.execPath, "--import", "tsx", "bench/attune_side.ts", JSON.stringify(job)] };

function builtCommand(job: Job): Command {
  const folder = mkdtempSync(join(tmpdir(), "attune-bench-run-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const [recipe, output] = [join(folder, "recipe.json"), join(folder, "run")];
  writeFileSync(recipe, JSON.stringify(recipeOf(job, output)));
  const threads = job.threads === undefined ? [] : ["--threads", String(job.threads)];
  return {
    words: [process.execPath, "dist/cli.mjs", "train", recipe, "--json", ...threads],
    env: { ATTUNE_CACHE: join(folder, "cache") },
    ...{ examples: job.batchSize, output },
  };
}

export const trlCommand = (python: string, job: Job): Command => ({
  words: [python, "bench/trl_reference.py", JSON.stringify(job)],
});
