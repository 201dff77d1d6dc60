import { AttuneError } from "../../text/errors.ts";
import type { MlflowServer } from "./server.ts";

/** MLflow's REST API, as much as a run needs (https://mlflow.org/docs/latest/rest-api.html). */
export interface Mlflow {
  experimentId(): Promise<string>;
  createRun(run: { experimentId: string; name: string; startTime: number }): Promise<string>;
  logBatch(runId: string, batch: MlflowBatch): Promise<void>;
  updateRun(runId: string, status: RunEnd | "RUNNING", endTime?: number): Promise<void>;
}

export type RunEnd = "FINISHED" | "FAILED" | "KILLED";

export interface MlflowBatch {
  metrics?: readonly Metric[];
  params?: readonly { key: string; value: string }[];
}

export interface Metric {
  key: string;
  value: number;
  /** Milliseconds since 1970. */
  timestamp: number;
  step: number;
}

/** What a server takes in one request. */
export const MOST_METRICS = 1000;
export const MOST_PARAMS = 100;
const PATIENCE = 10_000; // ms

export function openMlflow(server: MlflowServer): Mlflow {
  const post = (path: string, body: object) => ask(server, path, body);
  return {
    async experimentId() {
      const name = server.experiment;
      const query = new URLSearchParams({ experiment_name: name });
      const known = await ask(server, `experiments/get-by-name?${query}`);
      const id = known ? textAt(known, "experiment", "experiment_id") : undefined;
      return id ?? required(server, textAt(await post("experiments/create", { name }), "experiment_id"));
    },
    async createRun({ experimentId, name, startTime }) {
      const made = await post("runs/create", {
        experiment_id: experimentId,
        run_name: name,
        start_time: startTime,
      });
      return required(server, textAt(made, "run", "info", "run_id"));
    },
    async logBatch(runId, batch) {
      await post("runs/log-batch", { run_id: runId, ...batch });
    },
    async updateRun(runId, status, endTime) {
      await post("runs/update", {
        run_id: runId,
        status,
        ...(endTime !== undefined && { end_time: endTime }),
      });
    },
  };
}

/** @returns undefined where what is asked for isn't there */
async function ask({ url, authorization }: MlflowServer, path: string, body?: object): Promise<unknown> {
  const response = await fetch(`${url}/api/2.0/mlflow/${path}`, {
    method: body ? "POST" : "GET",
    headers: {
      ...(body && { "content-type": "application/json" }),
      ...(authorization && { authorization }),
    },
    ...(body && { body: JSON.stringify(body) }),
    redirect: "error", // what is meant for this server goes to no other
    signal: AbortSignal.timeout(PATIENCE),
  }).catch((error: Error) => {
    throw failed(
      url,
      "it can't be reached",
      String((error.cause as Error | undefined)?.message ?? error.message),
    );
  });
  const text = await response.text();
  if (response.status === 404 && !body) return undefined;
  if (!response.ok)
    throw failed(url, `it refused ${path.split("?")[0]}`, `${response.status}: ${text.slice(0, 200)}`);
  try {
    return JSON.parse(text);
  } catch {
    throw failed(url, "it gave no JSON: it may be another server", text.slice(0, 100));
  }
}

const failed = (url: string, problem: string, got: string) =>
  new AttuneError({ code: "tracking.mlflow-failed", place: url, problem, got });

function textAt(value: unknown, ...keys: string[]): string | undefined {
  let at: unknown = value;
  for (const key of keys) at = typeof at === "object" && at !== null ? Reflect.get(at, key) : undefined;
  return typeof at === "string" ? at : undefined;
}

function required({ url }: MlflowServer, id: string | undefined): string {
  if (id !== undefined) return id;
  throw failed(url, "it gave no id: it may be another server", "an answer without it");
}
