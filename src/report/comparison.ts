import type { Interval } from "../evaluation/statistics/bootstrap.ts";
import { heldOutLosses, type LossPoint, trainingLosses } from "./losses_of_run.ts";
import type { RecordedScores, RunRecord, RunStatus } from "./run_record.ts";
import { methodOf, objectAt, objectiveOf } from "./run_words.ts";
import { settingsOf } from "./settings.ts";

/** Runs side by side: what `compare --json` prints. */
export interface RunComparison {
  runs: ComparedRun[];
  /** Keys of the recipes that are not the same in all runs, each with its value in each run; null where it is unset. */
  differences: Record<string, (string | null)[]>;
  /** What can't be compared, and why. */
  notes: string[];
}

export interface ComparedRun {
  /** As short as it can be and still differ from the others. */
  name: string;
  path: string;
  state: RunStatus | "unknown";
  objective: string;
  method: string;
  model: string;
  steps: number;
  totalSteps?: number;
  trainedParameters?: number;
  parameters?: number;
  /** The last one, smoothed. */
  trainingLoss?: number;
  heldOutLoss?: { first: number; last: number; best?: LossPoint };
  /** Of the result, by `attune eval`. */
  scores?: RecordedScores;
  /** Loss on other texts, before and after. */
  forgetting?: Record<string, { base?: Interval; tuned?: Interval }>;
  seconds?: number;
  peakMemoryBytes?: number;
  resultBytes?: number;
  diskBytes?: number;
}

export function compareRuns(records: readonly RunRecord[]): RunComparison {
  const names = shortNames(records.map(({ path }) => path));
  const runs = records.map((record, i) => comparedRun(record, names[i]!));
  return { runs, differences: differencesOf(records), notes: notesOf(records, runs) };
}

function comparedRun(record: RunRecord, name: string): ComparedRun {
  const { path, history, summary, evaluation, recipe } = record;
  const held = heldOutLosses(history);
  const { trainedParameters, parameters, totalSteps } = summary ?? {};
  const { peakMemoryBytes, resultBytes, diskBytes } = summary ?? {};
  return {
    name,
    path,
    state: summary?.state ?? "unknown",
    objective: objectiveOf(record),
    method: methodOf(record),
    model: String(recipe.model),
    steps: history.step,
    ...{ totalSteps, trainedParameters, parameters },
    trainingLoss: trainingLosses(history).last?.loss,
    ...(held.first && {
      heldOutLoss: { first: held.first.loss, last: held.last!.loss, best: held.best },
    }),
    ...(evaluation && { scores: evaluation.tuned ?? evaluation.base }),
    ...(evaluation?.forgetting && {
      forgetting: Object.fromEntries(
        Object.entries(evaluation.forgetting).map(([text, { base, tuned }]) => [
          text,
          { base: base.loss, tuned: tuned?.loss },
        ]),
      ),
    }),
    seconds: summary?.seconds ?? (history.step > 0 ? history.stepSeconds : undefined),
    ...{ peakMemoryBytes, resultBytes, diskBytes },
  };
}

/** Paths without the directories that all of them begin with. */
export function shortNames(paths: readonly string[]): string[] {
  const parts = paths.map((path) => path.replace(/\/+$/, "").split("/"));
  let common = 0;
  while (parts.every((words) => words.length - 1 > common && words[common] === parts[0]![common])) common++;
  return parts.map((words) => words.slice(common).join("/"));
}

/** Says nothing of where runs are, nor of what is only told of them. */
const APART = /^(output|tracking)(\.|$)/;

function differencesOf(records: readonly RunRecord[]): RunComparison["differences"] {
  const settings = records.map(({ recipe }) => new Map(settingsOf(recipe)));
  const keys = new Set(settings.flatMap((one) => [...one.keys()]).filter((key) => !APART.test(key)));
  const rows = [...keys].map((key) => [key, settings.map((one) => one.get(key) ?? null)] as const);
  return Object.fromEntries(rows.filter(([, values]) => values.some((value) => value !== values[0])));
}

function notesOf(records: readonly RunRecord[], runs: readonly ComparedRun[]): string[] {
  const notes: string[] = [];
  const groups = (of: (record: RunRecord, i: number) => string | undefined): string[][] => {
    const byValue = new Map<string, string[]>();
    for (const [i, record] of records.entries()) {
      const value = of(record, i);
      if (value !== undefined) byValue.set(value, [...(byValue.get(value) ?? []), runs[i]!.name]);
    }
    return [...byValue.values()];
  };
  const note = (of: (record: RunRecord, i: number) => string | undefined, text: string) => {
    const found = groups(of);
    if (found.length > 1) notes.push(`${text}: ${found.map((names) => names.join(", ")).join(" | ")}`);
  };
  const isHeld = (record: RunRecord) => record.history.curves.has("evalLoss");
  note(
    (record) => (isHeld(record) ? record.summary?.heldOutHash : undefined),
    "not comparable, their held-out rows or tokens differ",
  );
  note(objectiveOf, "not comparable, their objectives measure different losses");
  note(
    ({ evaluation, recipe, summary }) =>
      evaluation && JSON.stringify([evaluation.rows, summary?.heldOutHash, objectAt(recipe, "evaluation")]),
    "scores may not be comparable, they are of other rows",
  );
  note(({ summary }) => summary?.dataHash, "trained or evaluated on other data");
  const unknown = runs.filter(({ state }) => state === "unknown").map(({ name }) => name);
  if (unknown.length > 0)
    notes.push(`no summary.json, so that time, memory and size are not known: ${unknown.join(", ")}`);
  const early = runs.filter(({ state }) => ["running", "stopped", "failed"].includes(state));
  if (early.length > 0) notes.push(`not at their end: ${early.map(whereItIs).join(", ")}`);
  for (const { damaged } of records) notes.push(...damaged);
  return notes;
}

const whereItIs = ({ name, state, steps, totalSteps }: ComparedRun) =>
  `${name} (${state} at step ${steps} of ${totalSteps})`;
