import { readdir } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { writeFileAtomic } from "../files/atomic.ts";
import { ifThere, readJsonObject } from "../files/json_file.ts";
import { runPage } from "../report/run_page.ts";
import type { RecordedEvaluation, RunRecord, RunSummary } from "../report/run_record.ts";
import { AttuneError } from "../text/errors.ts";
import { type ReadHistory, readHistory } from "./read_history.ts";
import { REPORT_FILE, runStart, SUMMARY_FILE } from "./run_directory.ts";

/** A run, and how far it was read. */
export type ReadRun = RunRecord & Pick<ReadHistory, "read">;

/**
 * All that a run's directory says of it. What can't be read of it is left out, and listed. Goes on from what was read `before`
 * of the same run, whose history is changed.
 * @throws AttuneError when there is no run.
 */
export async function readRun(path: string, before?: ReadRun): Promise<ReadRun> {
  const recipe = await ifThere(readJsonObject(join(path, "recipe.json")));
  if (!recipe || typeof recipe.model !== "string") throw await noRun(path);
  const files = { metrics: join(path, "metrics.jsonl"), samples: join(path, "samples.jsonl") };
  const { history, read, damaged } = await readHistory(files, before);
  const readable = async <T>(file: string, schema: z.ZodType<T>): Promise<T | undefined> => {
    const value = await ifThere(readJsonObject(join(path, file))).catch(() => ({}));
    if (value === undefined) return undefined;
    const result = schema.safeParse(value);
    if (!result.success) damaged.push(`${join(path, file)} can't be read, and is left out`);
    return result.data;
  };
  return {
    path,
    recipe,
    startedAt: await runStart(path).catch(() => undefined),
    history,
    read,
    summary: await readable<RunSummary>(SUMMARY_FILE, Summary),
    evaluation: await readable<RecordedEvaluation>("evaluation.json", StoredEvaluation),
    damaged,
  };
}

/** Makes the run's page anew from its files. */
export async function writeReport(path: string): Promise<void> {
  await writeFileAtomic(join(path, REPORT_FILE), runPage(await readRun(path)));
}

async function noRun(path: string): Promise<AttuneError> {
  const files = await readdir(path).catch(() => undefined);
  const below = files?.filter((name) => !name.startsWith(".")).slice(0, 3) ?? [];
  return new AttuneError({
    code: "run.no-run",
    place: path,
    problem: files
      ? "it is no run's directory: it has no recipe.json of a run"
      : "there is no such directory",
    ...(below.length > 0 && { got: below.join(", ") }),
    wayOut: "Give the directory that a recipe names as its output",
  });
}

const count = z.number().nonnegative();
const text = z.string();

const leftOut = z.array(z.object({ reason: text, count, origins: z.array(z.any()) }));

export const Summary = z.object({
  state: z.enum(["running", "completed", "early-stopping", "stopped", "failed"]),
  step: count,
  totalSteps: count,
  stepsPerEpoch: z.number().positive(),
  examples: count,
  evaluationExamples: count,
  trainedParameters: count,
  parameters: count,
  data: z.object({
    read: count,
    kept: count,
    truncated: count,
    withoutLabel: count,
    dropped: leftOut,
    unusable: leftOut,
    lost: leftOut,
    tokens: count,
    supervisedTokens: count,
  }),
  duplicates: count,
  learningRate: z.object({ value: z.number(), origin: text }),
  warnings: z.array(text),
  skippedSteps: count.optional(),
  error: text.optional(),
  seconds: count,
  peakMemoryBytes: count,
  resultBytes: count.optional(),
  diskBytes: count.optional(),
  dataHash: text,
  heldOutHash: text,
}) as unknown as z.ZodType<RunSummary>;

const interval = z.union([
  z.object({ value: z.number(), low: z.number(), high: z.number() }),
  z.number().transform((value) => ({ value, low: value, high: value })),
]);
const scores = z.record(text, interval);
const compared = z.object({ rows: count, base: scores, tuned: scores.nullable() });

const StoredEvaluation = compared.extend({
  difference: z
    .record(text, z.object({ value: z.number(), low: z.number(), high: z.number(), p: z.number() }))
    .optional(),
  tasks: z.record(text, compared),
  forgetting: z.record(text, compared).optional(),
});
