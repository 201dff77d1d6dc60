import type { ChildProcess } from "node:child_process";
import { stripVTControlCharacters } from "node:util";
import { ApiError } from "../api_error.ts";
import { newId, nowInSeconds } from "../new_id.ts";

export type TaskStatus = "queued" | "running" | "succeeded" | "failed" | "cancelled";

/** Work that takes its time, in a process of its own. */
export interface StudioTask {
  id: string;
  object: "attune.task";
  kind: "evaluate" | "export";
  /** The fine-tuning job whose result it is about. */
  job: string;
  status: TaskStatus;
  created_at: number;
  finished_at: number | null;
  /** Share that is done, where that is known. */
  progress: number | null;
  /** What it is about: an export's format, type and path. */
  details: Record<string, unknown>;
  error: { code: string; message: string } | null;
}

export interface TaskWork extends Pick<StudioTask, "kind" | "job" | "details"> {
  /** Words of attune's command line. */
  words: readonly string[];
}

/** Tasks of this server's life, one at a time. What they make lies in the run's directory, and stays. */
export interface Tasks {
  add(work: TaskWork): StudioTask;
  list(): StudioTask[];
  /** @throws ApiError */
  find(id: string): StudioTask;
  cancel(id: string): StudioTask;
  close(): Promise<void>;
}

const FAILED = "task_failed"; // as OpenAI writes codes
const KEPT = 100;
const MOST_OUTPUT = 1 << 16; // characters of what a process says of its failure

/** @param start runs attune's command line with a channel, by which it says how far it is */
export function createTasks(start: (words: readonly string[]) => ChildProcess): Tasks {
  const tasks = new Map<string, StudioTask>();
  const children = new Map<string, ChildProcess>();
  let isClosed = false;
  let working: Promise<void> = Promise.resolve();

  const run = async (task: StudioTask, words: readonly string[]) => {
    if (task.status !== "queued" || isClosed) return;
    task.status = "running";
    const child = start(words);
    children.set(task.id, child);
    let said = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-MOST_OUTPUT);
    });
    child.stdout?.resume();
    child.on("message", (message: { progress?: unknown }) => {
      if (typeof message?.progress === "number") task.progress = message.progress;
    });
    const code = await new Promise<number | null>((done) => {
      child.once("close", done);
      child.once("error", (error) => {
        said = String(error);
        done(null);
      });
    });
    children.delete(task.id);
    if (task.status === "running") finish(task, code, said);
  };

  return {
    add({ words, ...about }) {
      const task: StudioTask = {
        id: newId("task"),
        object: "attune.task",
        ...about,
        status: "queued",
        created_at: nowInSeconds(),
        finished_at: null,
        progress: null,
        error: null,
      };
      tasks.set(task.id, task);
      forgetOldest(tasks);
      working = working.then(() => run(task, words)).catch(() => finish(task, null, ""));
      return task;
    },
    list: () => [...tasks.values()].reverse(),
    find: (id) => tasks.get(id) ?? notFound(id),
    cancel(id) {
      const task = tasks.get(id) ?? notFound(id);
      if (!isOpen(task)) return task;
      Object.assign(task, { status: "cancelled", finished_at: nowInSeconds() });
      children.get(id)?.kill("SIGTERM");
      return task;
    },
    async close() {
      isClosed = true;
      for (const child of children.values()) child.kill("SIGTERM");
      await working;
    },
  };
}

const isOpen = ({ status }: StudioTask) => status === "queued" || status === "running";

function finish(task: StudioTask, code: number | null, said: string): void {
  task.finished_at = nowInSeconds();
  task.status = code === 0 ? "succeeded" : "failed";
  if (code === 0) task.progress = 1;
  else task.error = { code: FAILED, message: failureIn(said) };
}

/** What the command line says after `error:`. */
function failureIn(said: string): string {
  const text = stripVTControlCharacters(said).trim();
  const at = text.lastIndexOf("error: ");
  return at === -1 ? text || "The process ended without saying why." : text.slice(at + "error: ".length);
}

function forgetOldest(tasks: Map<string, StudioTask>): void {
  for (const [id, task] of tasks) {
    if (tasks.size <= KEPT) return;
    if (!isOpen(task)) tasks.delete(id);
  }
}

function notFound(id: string): never {
  throw new ApiError({
    status: 404,
    message: `There is no task ${id}.`,
    param: "id",
    reason: "task_not_found",
  });
}
