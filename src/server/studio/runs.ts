import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { compareRuns } from "../../report/comparison.ts";
import { type Curve, thinCurve } from "../../report/curve.ts";
import type { RunRecord } from "../../report/run_record.ts";
import { bytesOnDisk } from "../../run/bytes_on_disk.ts";
import { type ReadRun, readRun } from "../../run/read_run.ts";
import { AttuneError } from "../../text/errors.ts";
import { formatYaml } from "../../text/yaml.ts";
import type { FineTuningJob, JobStore } from "../jobs/job_store.ts";
import { ownPart } from "../jobs/own_recipe.ts";

const MOST_POINTS = 2000; // of a curve: more than a screen has columns
const MOST_SAMPLES = 50;

export type RunView = Awaited<ReturnType<typeof viewOf>>;

/** Reads what jobs' runs came to so far; of one that is asked for again and again, only what was added. */
export function createRunViews(jobs: JobStore): (job: FineTuningJob, from?: number) => Promise<RunView> {
  const turns = new Map<string, Promise<ReadRun | undefined>>();
  return async (job, from) => {
    const path = jobs.pathOf(job.id, "run");
    const before = turns.get(job.id) ?? Promise.resolve(undefined);
    const turn = before.catch(() => undefined).then((known) => recordOf(path, known));
    turns.delete(job.id);
    turns.set(job.id, turn);
    for (const id of [...turns.keys()].slice(0, -MOST_WATCHED)) turns.delete(id);
    return viewOf(job, await turn, jobs, from);
  };
}

const MOST_WATCHED = 8; // runs of which it is remembered what was read

/**
 * Curves, answers, scores and what was exported. Curves and answers begin at the step `from`, so that a page that has
 * those before it asks for no more; at 0 of a run that has gone back behind it.
 */
async function viewOf(job: FineTuningJob, record: ReadRun | undefined, jobs: JobStore, asked = 0) {
  const path = jobs.pathOf(job.id, "run");
  const from = record && asked <= record.history.step ? asked : 0;
  return {
    job,
    path,
    recipe: record ? ownPart(record.recipe as never) : null,
    yaml: record ? formatYaml(record.recipe) : null,
    progress: record ? progressOf(record, record.summary?.totalSteps ?? (await totalSteps(job, jobs))) : null,
    from,
    curves: record ? curvesOf(record, from) : {},
    answers: (record?.history.answers ?? []).filter(({ step }) => step >= from),
    summary: record?.summary ?? null,
    evaluation: await evaluationOf(path),
    exports: await exportsOf(jobs.pathOf(job.id, "exports")),
    damaged: record?.damaged ?? [],
  };
}

/** Nothing of a job that has not begun. */
async function recordOf(path: string, before?: ReadRun): Promise<ReadRun | undefined> {
  try {
    return await readRun(path, before);
  } catch (error) {
    if (error instanceof AttuneError) return undefined;
    throw error;
  }
}

function curvesOf(
  { history }: RunRecord,
  from = 0,
): Record<string, { steps: number[]; values: (number | null)[] }> {
  const curves = [...history.curves].map(([name, curve]) => {
    const { steps, values } = thinCurve(curveFrom(curve, from), MOST_POINTS);
    return [name, { steps, values: values.map((value) => (Number.isFinite(value) ? value : null)) }] as const;
  });
  return Object.fromEntries(curves);
}

function curveFrom({ steps, values }: Curve, from: number): Curve {
  const found = steps.findIndex((step) => step >= from);
  const at = found === -1 ? steps.length : found;
  return { steps: steps.slice(at), values: values.slice(at) };
}

/** All steps there will be, as the events say from the first one on; the summary does from the first evaluation on. */
async function totalSteps({ id }: FineTuningJob, jobs: JobStore): Promise<number | undefined> {
  const events = await jobs.events(id);
  return events.findLast(({ data }) => typeof data.total_steps === "number")?.data.total_steps as number;
}

const LATEST = 20; // steps that speed and time left are of

function progressOf({ history }: RunRecord, total: number | undefined) {
  const latest = (name: string) => history.curves.get(name)?.values.slice(-LATEST) ?? [];
  const sum = (values: readonly number[]) => values.reduce((whole, value) => whole + value, 0);
  const seconds = sum(latest("seconds"));
  const steps = latest("seconds").length;
  const all = total ?? null;
  return {
    step: history.step,
    total_steps: all,
    tokens_per_second: seconds > 0 ? sum(latest("tokens")) / seconds : null,
    seconds_left: all !== null && steps > 0 ? ((all - history.step) * seconds) / steps : null,
  };
}

/** evaluation.json, with as many answers as a page shows. */
async function evaluationOf(path: string): Promise<Record<string, unknown> | null> {
  try {
    const { samples, ...scores } = JSON.parse(await readFile(join(path, "evaluation.json"), "utf8"));
    return { ...scores, samples: Array.isArray(samples) ? samples.slice(0, MOST_SAMPLES) : [] };
  } catch {
    return null;
  }
}

async function exportsOf(path: string) {
  const names = (await readdir(path).catch(() => [])).filter((name) => !name.startsWith("."));
  return Promise.all(
    names.sort().map(async (name) => {
      const file = join(path, name);
      const info = await stat(file);
      return { name, path: file, bytes: info.isDirectory() ? await bytesOnDisk(file) : info.size };
    }),
  );
}

export type RunLine = Awaited<ReturnType<typeof lineOf>>;

/** Lines of the list of runs; a run is read again only when something of it has changed. */
export function createRunLines(jobs: JobStore): (job: FineTuningJob) => Promise<RunLine> {
  const known = new Map<string, { stamp: string; line: RunLine }>();
  return async (job) => {
    const stamp = await stampOf(job, jobs);
    const found = known.get(job.id);
    if (found?.stamp === stamp) return found.line;
    const line = await lineOf(job, jobs);
    known.set(job.id, { stamp, line });
    return line;
  };
}

async function stampOf(job: FineTuningJob, jobs: JobStore): Promise<string> {
  const run = jobs.pathOf(job.id, "run");
  const changed = ["metrics.jsonl", "summary.json", "evaluation.json"].map((name) =>
    stat(join(run, name)).then(
      ({ mtimeMs, size }) => `${mtimeMs} ${size}`,
      () => "",
    ),
  );
  return [JSON.stringify(job), ...(await Promise.all(changed))].join("\n");
}

async function lineOf(job: FineTuningJob, jobs: JobStore) {
  const record = await recordOf(jobs.pathOf(job.id, "run"));
  const { summary, history } = record ?? {};
  return {
    job,
    step: history?.step ?? 0,
    total_steps: summary?.totalSteps ?? null,
    loss: history?.curves.get("loss")?.values.at(-1) ?? null,
    held_out_loss: history?.curves.get("evalLoss")?.values.at(-1) ?? null,
    evaluated: record?.evaluation !== undefined,
  };
}

/** As its owner calls it, and the end of its id. */
const nameOf = ({ user_provided_suffix, id }: FineTuningJob) =>
  user_provided_suffix ? `${user_provided_suffix} · ${id.slice(-4)}` : id.slice(-8);

/** Runs beside each other, as `attune compare --json`, with their curves. */
export async function comparedRuns(found: readonly FineTuningJob[], jobs: JobStore) {
  const records = await Promise.all(found.map(({ id }) => readRun(jobs.pathOf(id, "run"))));
  // Runs go by their paths; these differ by an id alone, which says nothing.
  const named = records.map((record, i) => ({ ...record, path: nameOf(found[i]!) }));
  const { runs, differences, notes } = compareRuns(named);
  return {
    runs: runs.map((run, i) => ({
      ...run,
      id: found[i]!.id,
      path: records[i]!.path,
      curves: curvesOf(records[i]!),
    })),
    differences,
    notes,
  };
}
