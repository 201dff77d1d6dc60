import { appendFile, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../files/atomic.ts";
import { ApiError } from "../api_error.ts";
import { newId, nowInSeconds } from "../new_id.ts";
import { newestFirst } from "./file_store.ts";

export type JobStatus = "queued" | "running" | "paused" | "succeeded" | "failed" | "cancelled";

/** OpenAI's fine-tuning job. */
export interface FineTuningJob {
  id: string;
  object: "fine_tuning.job";
  created_at: number;
  finished_at: number | null;
  estimated_finish: number | null;
  model: string;
  fine_tuned_model: string | null;
  organization_id: string;
  status: JobStatus;
  training_file: string;
  validation_file: string | null;
  hyperparameters: Record<string, unknown>;
  method?: { type: "supervised" | "dpo" } & Partial<
    Record<"supervised" | "dpo", { hyperparameters: object }>
  >;
  seed: number;
  trained_tokens: number | null;
  result_files: string[];
  integrations: never[];
  metadata: Record<string, string> | null;
  user_provided_suffix: string | null;
  error: { code: string; message: string; param: string | null } | null;
  /** attune's own: the recipe it was created with, where it was. */
  recipe?: Record<string, unknown>;
}

/** OpenAI's event of a job. */
export interface JobEvent {
  id: string;
  object: "fine_tuning.job.event";
  created_at: number;
  level: "info" | "warn" | "error";
  message: string;
  type: "message" | "metrics" | "checkpoint";
  data: Record<string, unknown>;
}

/** Jobs, a directory each: job.json, events.jsonl, recipe.json and the run. What is written there outlives this process. */
export interface JobStore {
  list(): Promise<FineTuningJob[]>;
  /** @throws ApiError when there is none of this id. */
  find(id: string): Promise<FineTuningJob>;
  save(job: FineTuningJob): Promise<void>;
  /**
   * Changes a job as it stands now; no other change comes between. Nothing is saved, and undefined returned, where `change`
   * returns undefined. @throws ApiError, and what `change` throws
   */
  update(
    id: string,
    change: (job: FineTuningJob) => FineTuningJob | undefined,
  ): Promise<FineTuningJob | undefined>;
  events(id: string): Promise<JobEvent[]>;
  tell(id: string, event: Pick<JobEvent, "message"> & Partial<JobEvent>): Promise<void>;
  pathOf(id: string, name: "recipe.json" | "run" | "exports"): string;
  /** Removes a job with all that it made. */
  remove(id: string): Promise<void>;
}

const ID = /^ftjob-[0-9a-f]{32}$/;

export async function openJobStore(root: string): Promise<JobStore> {
  await mkdir(root, { recursive: true });
  const read = async (id: string): Promise<FineTuningJob> =>
    JSON.parse(await readFile(join(root, id, "job.json"), "utf8"));
  const eventsFile = (id: string) => join(root, id, "events.jsonl");
  const save = (job: FineTuningJob) =>
    writeFileAtomic(join(root, job.id, "job.json"), `${JSON.stringify(job, null, 2)}\n`);
  let lastChange: Promise<unknown> = Promise.resolve();
  const store: JobStore = {
    async list() {
      const ids = (await readdir(root)).filter((name) => ID.test(name));
      const jobs = await Promise.all(ids.map((id) => read(id).catch(() => undefined)));
      return jobs.filter((job) => job !== undefined).sort(newestFirst);
    },
    async find(id) {
      const job = ID.test(id) ? await read(id).catch(() => undefined) : undefined;
      if (job) return job;
      throw new ApiError({
        status: 404,
        message: `Could not find fine tune: ${id}.`,
        param: "fine_tuning_job_id",
        reason: "fine_tune_not_found",
      });
    },
    save,
    update(id, change) {
      const changed = lastChange.then(async () => {
        const job = change(await store.find(id));
        if (job) await save(job);
        return job;
      });
      lastChange = changed.catch(() => {});
      return changed;
    },
    async events(id) {
      const text = await readFile(eventsFile(id), "utf8").catch(() => "");
      return text.split("\n").flatMap(parseLine);
    },
    tell(id, { message, level = "info", type = "message", data = {} }) {
      const event: JobEvent = {
        id: newId("ftevent"),
        object: "fine_tuning.job.event",
        created_at: nowInSeconds(),
        level,
        message,
        type,
        data,
      };
      return appendFile(eventsFile(id), `${JSON.stringify(event)}\n`);
    },
    pathOf: (id, name) => join(root, id, name),
    async remove(id) {
      await rm(join(root, id, "job.json")); // first: what is left of a job that a kill halved is none
      await rm(join(root, id), { recursive: true });
    },
  };
  return store;
}

/** A line that a kill has cut short is none. */
function parseLine(line: string): JobEvent[] {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}
