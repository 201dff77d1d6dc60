import { basename, join, resolve } from "node:path";
import { writeFileAtomic } from "../../files/atomic.ts";
import { ifThere, readJsonObject } from "../../files/json_file.ts";
import { figuresOf } from "../figures.ts";
import type { TrackedRun, Tracker } from "../tracker.ts";
import { type Metric, MOST_METRICS, MOST_PARAMS, openMlflow, type RunEnd } from "./rest.ts";
import type { MlflowServer } from "./server.ts";

const MOST_WAITING = 100_000; // metrics, of a server that does not answer
const EVERY = 5_000; // ms between requests
const AGAIN = 60_000; // ms until a server that failed is asked again
const MOST_TEXT = 500; // characters of a parameter's value

/** `mlflow.json` in the run's directory: the server's name of the run, which goes on under it. */
interface Kept {
  url: string;
  runId: string;
  /** The last step that was sent. */
  step: number;
}

/**
 * Sends a run's settings and figures to an MLflow server, in the background and many at once. A server that fails is asked again
 * later; what it has not taken waits.
 */
export async function openMlflowTracker(server: MlflowServer, run: TrackedRun): Promise<Tracker> {
  const api = openMlflow(server);
  const file = join(run.path, "mlflow.json");
  const earlier = await earlierRun(file, server.url);
  let waiting: Metric[] = [];
  let kept: Kept | undefined;
  let sending: Promise<void> | undefined;
  let problem: unknown;
  let nextAt = 0;

  const open = async (): Promise<Kept> => {
    if (earlier) {
      await api.updateRun(earlier.runId, "RUNNING");
      return { ...earlier };
    }
    const experimentId = await api.experimentId();
    const name = basename(resolve(run.path));
    const runId = await api.createRun({ experimentId, name, startTime: Date.now() });
    const params = run.settings.map(([key, value]) => ({
      key: keyOf(key),
      value: value.slice(0, MOST_TEXT),
    }));
    for (let i = 0; i < params.length; i += MOST_PARAMS)
      await api.logBatch(runId, { params: params.slice(i, i + MOST_PARAMS) });
    return { url: server.url, runId, step: -1 };
  };

  const send = async (): Promise<void> => {
    kept ??= await open();
    while (waiting.length > 0) {
      const batch = waiting.slice(0, MOST_METRICS);
      await api.logBatch(kept.runId, { metrics: batch });
      waiting = waiting.slice(batch.length);
      kept.step = batch.at(-1)!.step;
    }
    await writeFileAtomic(file, `${JSON.stringify(kept)}\n`);
  };

  /** Keeps the first error until someone asks for it: nobody waits for the request itself. */
  const startSending = () => {
    sending = send().then(
      () => {
        [sending, nextAt] = [undefined, performance.now() + EVERY];
      },
      (error) => {
        problem ??= error;
        [sending, nextAt] = [undefined, performance.now() + AGAIN];
      },
    );
  };

  const throwProblem = () => {
    const error = problem;
    problem = undefined;
    if (error !== undefined) throw error;
  };

  const finish = async (status: RunEnd) => {
    await sending;
    startSending();
    await sending;
    if (kept && problem === undefined) await api.updateRun(kept.runId, status, Date.now());
    throwProblem();
  };

  return {
    async see(event) {
      if (event.type === "end") return finish(event.reason === "stopped" ? "KILLED" : "FINISHED");
      if (event.type !== "step" && event.type !== "evaluation") return;
      const { step } = event;
      if (earlier && step < earlier.step) return; // was sent before
      const timestamp = Date.now();
      const finite = figuresOf(event).filter(([, value]) => Number.isFinite(value));
      waiting.push(...finite.map(([name, value]) => ({ key: keyOf(name), value, timestamp, step })));
      if (waiting.length > MOST_WAITING) waiting = waiting.slice(-MOST_WAITING);
      if (!sending && performance.now() >= nextAt) startSending();
      throwProblem();
    },
    fail: () => finish("FAILED"),
  };
}

async function earlierRun(file: string, url: string): Promise<Kept | undefined> {
  const value = await ifThere(readJsonObject(file)).catch(() => undefined);
  if (value?.url !== url || typeof value.runId !== "string" || typeof value.step !== "number")
    return undefined;
  return { url, runId: value.runId, step: value.step };
}

/** MLflow's names hold letters, digits and these marks. */
const keyOf = (name: string) => name.replace(/[^\w\-. /]/g, "_").slice(0, 250);
