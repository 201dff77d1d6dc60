/** Runs on the golden models, as this room's tests start them and look at them. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { goldenPath } from "../../testing/goldens.ts";
import type { TrainEvent } from "../../training/events.ts";
import type { RecipeInput } from "../../training/recipe.ts";
import { type TrainOptions, train } from "../train.ts";

/** LoRA on a model of three layers and the 80 golden rows, in file order: 6 steps. */
export function smallRecipe(output: string, { training, ...rest }: Partial<RecipeInput> = {}): RecipeInput {
  return {
    model: goldenPath("models/llama-gqa"),
    data: [{ path: goldenPath("data/alpaca.json") }],
    adapter: { type: "lora", targetModules: ["q_proj", "v_proj"] },
    training: { maxSteps: 6, batchSize: 4, maxLength: 64, learningRate: 2e-3, ...training },
    shuffle: false,
    output,
    ...rest,
  };
}

/** All that a run says. `see` is called as it happens. */
export async function runToEnd(
  recipe: RecipeInput,
  { see, ...options }: TrainOptions & { see?: (event: TrainEvent) => void } = {},
): Promise<TrainEvent[]> {
  const events: TrainEvent[] = [];
  for await (const event of train(recipe, { threads: 1, ...options })) {
    events.push(event);
    see?.(event);
  }
  return events;
}

export type MetricsLine = Record<string, number>;

/** metrics.jsonl without what the clock says. */
export function readMetrics(output: string): MetricsLine[] {
  const lines = readFileSync(join(output, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  return lines.map((line) => {
    const { seconds: _, tokensPerSecond: __, ...rest } = JSON.parse(line);
    return rest;
  });
}

/** Every file below `directory` by its path, as a digest. */
export function contents(directory: string): Record<string, string> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((e) => join(e.parentPath, e.name));
  const digest = (file: string) => createHash("sha256").update(readFileSync(file)).digest("hex");
  return Object.fromEntries(files.sort().map((file) => [file.slice(directory.length + 1), digest(file)]));
}

/** Files of a run that hold what the clock says, or where the run is. */
const CLOCKED = ["metrics.jsonl", "recipe.json", "run.json", "summary.json", "report.html"];

/** What a run leaves behind but for the clock's figures, and its own name. */
export function remains(output: string) {
  const files = Object.entries(contents(output)).filter(([name]) => !CLOCKED.includes(name));
  return { metrics: readMetrics(output), files: Object.fromEntries(files) };
}

export const isStep = (event: TrainEvent) => event.type === "step";

/** The message of the error that `work` ends in. */
export async function messageOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => new Error("it ended well"),
    (error) => error as Error,
  );
  return `${error.name}: ${error.message}`;
}
