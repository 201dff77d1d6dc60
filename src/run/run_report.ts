import { createHash } from "node:crypto";
import { join } from "node:path";
import type { SequenceStore } from "../data/batches/sequence_store.ts";
import { writeFileAtomic } from "../files/atomic.ts";
import { ifThere, readJsonObject } from "../files/json_file.ts";
import { runPage } from "../report/run_page.ts";
import {
  addMetrics,
  addSamples,
  type RunHistory,
  type RunStatus,
  type RunSummary,
} from "../report/run_record.ts";
import type { EndEvent, EvaluationEvent, StartEvent, StepEvent, TrainEvent } from "../training/events.ts";
import { type Recipe, storedRecipe } from "../training/recipe.ts";
import { bytesOnDisk } from "./bytes_on_disk.ts";
import { peakMemory } from "./peak_memory.ts";
import { readHistory } from "./read_history.ts";
import { Summary } from "./read_run.ts";
import { REPORT_FILE, type RunDirectory, SUMMARY_FILE } from "./run_directory.ts";
import type { RunLock } from "./run_lock.ts";
import type { OpenWatcher, Watcher } from "./watched.ts";

export interface ReportedRun {
  recipe: Recipe;
  directory: RunDirectory;
  lock: RunLock;
  /** Of the rows as they were tokenized. */
  dataHash: string;
  heldOut: SequenceStore;
  /** When this start began, by `performance.now()`. */
  began: number;
}

/**
 * Keeps `summary.json` and `report.html` in the run's directory: at evaluations, checkpoints and the end, also where that is
 * an error. Steps between cost nothing.
 */
export const runReport = (run: ReportedRun): Watcher => ({
  name: "there is no report",
  open: (start) => openReport(run, start),
});

/** Writing takes this share of the time at most; the first page and the last are always written. */
const SHARE = 0.01;

async function openReport(run: ReportedRun, start: StartEvent): Promise<OpenWatcher> {
  const { recipe, directory, lock } = run;
  const { history, damaged } = await readHistory(directory);
  const earlier = await earlierSummary(directory);
  const heldOutHash = hashOf(run.heldOut);
  let writtenUntil = Number.NEGATIVE_INFINITY;
  const summaryOf = (state: RunStatus, error?: string): RunSummary => {
    const { type: _, step: __, ...facts } = start;
    const skippedSteps = history.curves.get("skippedSteps")?.values.at(-1);
    return {
      state,
      step: history.step,
      ...facts,
      ...(skippedSteps && { skippedSteps }),
      ...(error !== undefined && { error }),
      seconds: (earlier?.seconds ?? 0) + (performance.now() - run.began) / 1000,
      peakMemoryBytes: Math.max(earlier?.peakMemoryBytes ?? 0, peakMemory()),
      dataHash: run.dataHash,
      heldOutHash,
    };
  };
  const write = (summary: RunSummary) =>
    lock.write(async () => {
      const began = performance.now();
      const record = { path: directory.path, recipe: storedRecipe(recipe), history, summary, damaged };
      const page = runPage({ ...record, startedAt: directory.startedAt });
      await writeFileAtomic(join(directory.path, SUMMARY_FILE), `${JSON.stringify(summary, null, 1)}\n`);
      await writeFileAtomic(join(directory.path, REPORT_FILE), page);
      const ended = performance.now();
      writtenUntil = ended + (ended - began) / SHARE;
    });
  /** A run that was over changes nothing when it is begun again. */
  const end = async ({ reason, path }: EndEvent) => {
    if (history.step === start.step && earlier?.state === reason) return;
    const resultBytes = await bytesOnDisk(path);
    const diskBytes = await bytesOnDisk(directory.path);
    await write({ ...summaryOf(reason), resultBytes, diskBytes });
  };
  return {
    async see(event) {
      if (event.type === "step" || event.type === "evaluation") take(history, event);
      if (event.type === "end") await end(event);
      else if (isPause(event) && performance.now() >= writtenUntil) await write(summaryOf("running"));
    },
    fail: (error) => write(summaryOf("failed", error instanceof Error ? error.message : String(error))),
  };
}

const isPause = ({ type }: TrainEvent) => type === "evaluation" || type === "checkpoint";

/** What an event says, under the names of metrics.jsonl. */
function take(history: RunHistory, event: StepEvent | EvaluationEvent): void {
  const { step } = event;
  if (event.type === "step") {
    const { type: _, totalSteps: __, secondsLeft: ___, metrics, ...line } = event;
    addMetrics(history, { ...line, ...metrics });
    return;
  }
  const named = Object.entries(event.metrics).map(([name, value]) => [`eval_${name}`, value]);
  addMetrics(history, { step, evalLoss: event.evalLoss, ...Object.fromEntries(named) });
  if (event.samples) addSamples(history, { step, samples: [...event.samples] });
}

/** Of earlier starts, whose time counts, too. */
async function earlierSummary({ path, checkpoint }: RunDirectory): Promise<RunSummary | undefined> {
  if (!checkpoint) return undefined;
  const value = await ifThere(readJsonObject(join(path, SUMMARY_FILE))).catch(() => undefined);
  return Summary.safeParse(value).data;
}

function hashOf(heldOut: SequenceStore): string {
  const hash = createHash("sha256");
  for (let i = 0; i < heldOut.length; i++) {
    const { tokens, labelWeights } = heldOut.at(i);
    hash.update(String(tokens.length)).update(tokens).update(labelWeights);
  }
  return hash.digest("hex");
}
