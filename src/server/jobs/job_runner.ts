import type { ChildProcess } from "node:child_process";
import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { writeFileAtomic } from "../../files/atomic.ts";
import { RUN_IN_USE } from "../../run/run_lock.ts";
import type { StartEvent, StepEvent, TrainEvent } from "../../training/events.ts";
import { faultOf } from "../api_error.ts";
import { nowInSeconds } from "../new_id.ts";
import type { FileStore } from "./file_store.ts";
import { type Hyperparameters, jobRecipe } from "./job_recipe.ts";
import type { FineTuningJob, JobStore } from "./job_store.ts";
import { namedByOwner } from "./named_by_owner.ts";
import { placedRecipe } from "./own_recipe.ts";

export interface RunnerParts {
  jobs: JobStore;
  files: FileStore;
  /** The directory of a base by its id. */
  modelPath(id: string): string;
  /** `attune train RECIPE --json`, in a process of its own. */
  startTraining(recipe: string): ChildProcess;
  /** Serves the adapter that a job has made. */
  serve(job: FineTuningJob, adapter: string): Promise<void>;
  onError(error: unknown): void;
}

/** Runs jobs, one at a time, the oldest first. */
export interface JobRunner {
  /** Looks for a job that waits. */
  wake(): void;
  /** Stops a job's process, which saves first; resolves when it has ended. */
  stop(id: string): Promise<void>;
  /** Stops what runs and starts nothing more. What was running goes on when the server comes back. */
  close(): Promise<void>;
}

/** What the training process prints: its events, or why it failed. */
type Line = TrainEvent | { type: "error"; code: string; message: string };

interface Outcome {
  last?: Line;
  tokens: number;
  /** How the process ended. */
  end: string;
}

/** SIGKILL is what a system without memory does. */
const endedBy = (end: string) =>
  `The training process ended without a word (${end}${end === "SIGKILL" ? ", as where memory is short" : ""}). A new job begins anew.`;

/** OpenAI's code of a failure that is nobody's mistake. */
const CRASHED = "server_error";
const RETRY = 1000; // ms: the process of a server that was killed saves, and then lets go of the run

export function createJobRunner(parts: RunnerParts): JobRunner {
  const { jobs, onError } = parts;
  let isClosed = false;
  let current: { id: string; child?: ChildProcess; isStopped?: boolean; done: Promise<void> } | undefined;

  const next = async () => {
    const waiting = (await jobs.list()).filter(isWaiting);
    return waiting.at(-1);
  };
  const work = async (): Promise<void> => {
    for (let job = await next(); job && !isClosed; job = await next()) {
      const started = { id: job.id, done: Promise.resolve() };
      current = started;
      started.done = runOne(job).catch(onError);
      await started.done;
      current = undefined;
    }
  };
  const runOne = async (job: FineTuningJob): Promise<void> => {
    try {
      const recipe = await recipeOf(job, parts);
      const running = await jobs.update(job.id, (ready) =>
        isWaiting(ready) ? { ...ready, status: "running" } : undefined,
      );
      if (!running) return; // it was paused meanwhile
      const outcome = await follow(running, recipe);
      const after = await jobs.find(job.id);
      if (after.status === "running") await finish(after, outcome);
    } catch (error) {
      const { status, message, reason = CRASHED } = faultOf(error);
      if (status === 500) onError(error);
      await fail(job, { code: reason, message: status === 500 ? String(error) : message });
    }
  };
  /** Runs the process and tells its events; the last of its lines. */
  const follow = async (job: FineTuningJob, recipe: string): Promise<Outcome> => {
    const seen = new Set((await jobs.events(job.id)).map(({ type, data }) => `${type} ${data.step}`));
    // What a process prints is read from its start on: one that ends at once takes what nobody reads with it.
    const child = parts.startTraining(recipe);
    if (current) current.child = child;
    if (isClosed || current?.isStopped) child.kill("SIGTERM");
    const ended = new Promise<string>((done) => {
      child.once("close", (code, signal) => done(signal ?? `code ${code}`));
      child.once("error", (error) => done(String(error)));
    });
    let [last, tokens]: [Line | undefined, number] = [undefined, 0];
    for await (const text of createInterface({ input: child.stdout! })) {
      last = parsed(text) ?? last;
      if (last?.type === "step") tokens += last.tokens;
      if (last?.type === "start")
        for (const step of await stepsBefore(last, jobs.pathOf(job.id, "run")))
          await tell(job.id, step, seen);
      if (last) await tell(job.id, last, seen);
    }
    return { last, tokens, end: await ended };
  };
  const tell = async (id: string, line: Line, seen: Set<string>) => {
    for (const event of eventsOf(line)) {
      const key = `${event.type} ${event.data?.step}`;
      // A run that goes on from a checkpoint does some steps again.
      if (event.data?.step !== undefined && seen.has(key) && line.type !== "evaluation") continue;
      seen.add(key);
      await jobs.tell(id, event);
    }
  };
  const finish = async (job: FineTuningJob, { last, tokens, end }: Outcome) => {
    const trained_tokens = (job.trained_tokens ?? 0) + tokens;
    if (last?.type === "error" && last.code === RUN_IN_USE) return void (await pause(RETRY));
    if (isClosed) return; // stopped by this server: it goes on when the server comes back
    if (last?.type === "end" && last.reason !== "stopped")
      return succeed({ ...job, trained_tokens }, last.path);
    if (last?.type === "end") return void (await jobs.update(job.id, again(trained_tokens)));
    await fail(job, last?.type === "error" ? last : { code: CRASHED, message: endedBy(end) });
  };
  const succeed = async (job: FineTuningJob, adapter: string) => {
    const name = ["ft", job.model, job.user_provided_suffix ?? "", job.id.slice(-8)].join(":");
    const done: FineTuningJob = { ...job, status: "succeeded", finished_at: nowInSeconds() };
    // A recipe may train the model's own weights: they are no adapter, and this server has one base.
    const isAdapter = !job.recipe || job.recipe.adapter !== undefined;
    const fine_tuned_model = isAdapter ? name : null;
    if (isAdapter) await parts.serve({ ...done, fine_tuned_model }, adapter);
    const message = isAdapter
      ? `New fine-tuned model created: ${name}`
      : `The model's own weights were trained. Serve them by themselves: attune serve ${jobs.pathOf(job.id, "run")}`;
    await jobs.tell(job.id, { message });
    await jobs.tell(job.id, { message: "The job has successfully completed" });
    await jobs.save({ ...done, fine_tuned_model });
  };
  const fail = async (job: FineTuningJob, reason: { code: string; message: string }) => {
    const { code } = reason;
    const message = (await namedByOwner(parts.files, [job.training_file, job.validation_file]))(
      reason.message,
    );
    const error = { code, message, param: null };
    const failed = await jobs.update(job.id, (now) =>
      isWaiting(now) ? { ...now, status: "failed", finished_at: nowInSeconds(), error } : undefined,
    );
    if (failed) await jobs.tell(job.id, { level: "error", message });
  };

  let working: Promise<void> | undefined;
  return {
    wake() {
      if (isClosed) return;
      working = (working ?? Promise.resolve()).then(work).catch(onError);
    },
    async stop(id) {
      if (current?.id !== id) return;
      current.isStopped = true;
      current.child?.kill("SIGTERM");
      await current.done;
    },
    async close() {
      isClosed = true;
      current?.child?.kill("SIGTERM");
      await working;
    },
  };
}

/** What was running when a server ended goes on. */
const isWaiting = ({ status }: FineTuningJob) => status === "queued" || status === "running";

/** A run that was stopped by others goes on. */
const again =
  (trained_tokens: number) =>
  (job: FineTuningJob): FineTuningJob | undefined =>
    isWaiting(job) ? { ...job, trained_tokens, status: "queued" } : undefined;

const pause = (ms: number) => new Promise<void>((done) => setTimeout(done, ms));

/** Where a job's recipe lies. It is made once, so that a run goes on by what it began with. */
async function recipeOf(job: FineTuningJob, { jobs, files, modelPath }: RunnerParts): Promise<string> {
  const path = jobs.pathOf(job.id, "recipe.json");
  if (
    await access(path).then(
      () => true,
      () => false,
    )
  )
    return path;
  const pathOf = async (id: string) => files.contentPath(await files.find(id));
  const place = {
    model: modelPath(job.model),
    training: await pathOf(job.training_file),
    validation: job.validation_file === null ? undefined : await pathOf(job.validation_file),
    output: jobs.pathOf(job.id, "run"),
  };
  const { seed } = job;
  const { type: method, ...about } = job.method ?? { type: "supervised" };
  const hyperparameters = about[method]?.hyperparameters as Hyperparameters;
  const recipe = job.recipe
    ? placedRecipe({ ...job.recipe, seed }, place)
    : await jobRecipe({ ...place, seed, method, hyperparameters });
  await writeFileAtomic(path, `${JSON.stringify(recipe, null, 2)}\n`);
  return path;
}

/** The steps that were computed before: a server that was killed has not told the last of them. */
async function stepsBefore({ step, totalSteps }: StartEvent, run: string): Promise<StepEvent[]> {
  if (step === 0) return [];
  const text = await readFile(join(run, "metrics.jsonl"), "utf8").catch(() => "");
  const steps = text.split("\n").map((line) => parsed(line) as unknown as StepEvent | undefined);
  return steps
    .filter((line) => line !== undefined && typeof line.loss === "number" && line.step <= step)
    .map((line) => ({ ...line!, type: "step", totalSteps, metrics: {} }));
}

function parsed(text: string): Line | undefined {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function eventsOf(line: Line): Parameters<JobStore["tell"]>[1][] {
  switch (line.type) {
    case "start":
      return [
        {
          message: line.step === 0 ? "Fine-tuning job started" : `Fine-tuning goes on from step ${line.step}`,
        },
      ];
    case "step": {
      const {
        step,
        totalSteps: total_steps,
        loss: train_loss,
        learningRate: learning_rate,
        gradNorm,
        metrics,
      } = line;
      const data = { step, total_steps, train_loss, learning_rate, grad_norm: gradNorm, ...metrics };
      return [
        {
          type: "metrics",
          message: `Step ${step}/${total_steps}: training loss=${train_loss.toFixed(4)}`,
          data,
        },
      ];
    }
    case "evaluation": {
      const { step, evalLoss: valid_loss, metrics } = line;
      const data = { step, valid_loss, ...metrics };
      return [{ type: "metrics", message: `Step ${step}: validation loss=${valid_loss.toFixed(4)}`, data }];
    }
    case "checkpoint":
      return [{ type: "checkpoint", message: `Checkpoint at step ${line.step}`, data: { step: line.step } }];
    case "warning":
      return [{ level: "warn", message: line.message }];
    default:
      return [];
  }
}
