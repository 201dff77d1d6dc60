import { randomInt } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Hono } from "hono";
import { ApiError } from "../api_error.ts";
import { nowInSeconds, orderedId } from "../new_id.ts";
import { parameterError, readBody, readBytes } from "../read_body.ts";
import { type FileStore, openFileStore, type StoredFile } from "./file_store.ts";
import { JobRequest, jobMethod, requireOneOf } from "./job_requests.ts";
import { createJobRunner, type JobRunner, type RunnerParts } from "./job_runner.ts";
import { type FineTuningJob, type JobStatus, type JobStore, openJobStore } from "./job_store.ts";
import { checkOwnRecipe } from "./own_recipe.ts";
import { byMetadata, pageOf } from "./pages.ts";

export interface FineTuningOptions extends Omit<RunnerParts, "jobs" | "files"> {
  /** Where files and jobs are kept. */
  directory: string;
  bodyLimit: number;
  /** Bytes of an uploaded file at most. */
  fileLimit: number;
  /** Serves what a job has made no more, where it is served. */
  unserve(job: FineTuningJob): Promise<void>;
}

/** OpenAI's files and fine-tuning jobs. */
export interface FineTuning extends Pick<FineTuningOptions, "unserve"> {
  files: FileStore;
  jobs: JobStore;
  /** The directory of a base by its id. @throws ApiError */
  modelPath(id: string): string;
  /** Serves the model of a job no more; false where no job has made it. The job and its run stay. */
  removeModel(id: string): Promise<boolean>;
  mount(app: Hono): void;
  close(): Promise<void>;
}

interface Context extends FineTuningOptions {
  files: FileStore;
  jobs: JobStore;
  runner: JobRunner;
}

/** Serves what earlier jobs have made, and goes on with those that are not done. */
export async function openFineTuning(options: FineTuningOptions): Promise<FineTuning> {
  const files = await openFileStore(join(options.directory, "files"));
  const jobs = await openJobStore(join(options.directory, "jobs"));
  const runner = createJobRunner({ ...options, jobs, files });
  const context = { ...options, files, jobs, runner };
  for (const job of await jobs.list())
    if (job.status === "succeeded" && job.fine_tuned_model !== null)
      await options.serve(job, join(jobs.pathOf(job.id, "run"), "adapter")).catch(options.onError);
  runner.wake();
  return {
    files,
    jobs,
    modelPath: options.modelPath,
    unserve: options.unserve,
    async removeModel(id) {
      const job = (await jobs.list()).find(({ fine_tuned_model }) => fine_tuned_model === id);
      if (!job) return false;
      await jobs.save({ ...job, fine_tuned_model: null });
      await options.unserve(job);
      await jobs.tell(job.id, { message: `The fine-tuned model was deleted: ${id}` });
      return true;
    },
    mount(app) {
      mountFiles(app, context);
      mountJobs(app, context);
    },
    close: runner.close,
  };
}

function mountFiles(app: Hono, { files, jobs, fileLimit }: Context): void {
  app.post("/v1/files", async ({ req }) => {
    const { file, purpose } = await readUpload(req.raw, fileLimit);
    const bytes = new Uint8Array(await file.arrayBuffer());
    return Response.json(await files.add(file.name, purpose, bytes));
  });
  app.get("/v1/files", async ({ req }) => {
    const purpose = req.query("purpose");
    const all = (await files.list()).filter((file) => purpose === undefined || file.purpose === purpose);
    return Response.json(pageOf(all, req.url, 10_000, ["order", "purpose"]));
  });
  app.get("/v1/files/:id", async ({ req }) => Response.json(await files.find(req.param("id"))));
  app.get("/v1/files/:id/content", async ({ req }) => {
    const file = await files.find(req.param("id"));
    return new Response(await readFile(files.contentPath(file)), {
      headers: { "content-type": "application/octet-stream", "x-content-type-options": "nosniff" },
    });
  });
  app.delete("/v1/files/:id", async ({ req }) => {
    const id = req.param("id");
    await requireUnused(await files.find(id), jobs);
    await files.remove(id);
    return Response.json({ id, object: "file", deleted: true });
  });
}

/** A job reads its files again when it goes on. @throws ApiError */
async function requireUnused({ id, filename }: StoredFile, jobs: JobStore): Promise<void> {
  const open = (await jobs.list()).filter(({ finished_at }) => finished_at === null);
  const user = open.find((job) => [job.training_file, job.validation_file].includes(id));
  if (!user) return;
  throw new ApiError({
    status: 409,
    message: `The file '${filename}' is used by job ${user.id}, which is ${user.status}: cancel it first, or wait for it.`,
    param: "id",
    reason: "file_in_use",
  });
}

async function readUpload(request: Request, limit: number) {
  const type = request.headers.get("content-type") ?? "";
  const bytes = await readBytes(request, limit);
  const form = await new Response(bytes, { headers: { "content-type": type } })
    .formData()
    .catch(() => undefined);
  if (!form)
    throw new ApiError({
      status: 400,
      message: "The body of the request must be multipart/form-data with 'file' and 'purpose'.",
      reason: "unsupported_content_type",
    });
  const [file, purpose] = [form.get("file"), form.get("purpose")];
  if (!(file instanceof File))
    throw parameterError("file", "missing_required_parameter", {
      message: "Missing required parameter: 'file'.",
    });
  if (purpose !== "fine-tune")
    throw parameterError("purpose", "invalid_value", {
      message: `Invalid value for 'purpose': expected "fine-tune".`,
    });
  const unknown = [...form.keys()].find((key) => key !== "file" && key !== "purpose");
  if (unknown !== undefined)
    throw parameterError(unknown, "unknown_parameter", { message: `Unknown parameter: '${unknown}'.` });
  return { file, purpose };
}

function mountJobs(app: Hono, context: Context): void {
  const { jobs } = context;
  const jobOf = (id: string) => jobs.find(id);
  app.post("/v1/fine_tuning/jobs", ({ req }) => createJob(req.raw, context));
  app.get("/v1/fine_tuning/jobs", async ({ req }) =>
    Response.json(pageOf(byMetadata(await jobs.list(), req.url), req.url, 20, ["metadata"])),
  );
  app.get("/v1/fine_tuning/jobs/:id", async ({ req }) => Response.json(await jobOf(req.param("id"))));
  app.get("/v1/fine_tuning/jobs/:id/events", async ({ req }) => {
    const { id } = await jobOf(req.param("id"));
    const events = (await jobs.events(id)).filter(({ type }) => type !== "checkpoint");
    return Response.json(pageOf(events.reverse(), req.url, 20));
  });
  app.get("/v1/fine_tuning/jobs/:id/checkpoints", async ({ req }) => {
    const job = await jobOf(req.param("id"));
    return Response.json(pageOf(await checkpointsOf(job, jobs), req.url, 10));
  });
  for (const [verb, from, to] of MOVES)
    app.post(`/v1/fine_tuning/jobs/:id/${verb}`, async ({ req }) =>
      Response.json(await move(req.param("id"), { verb, from, to }, context)),
    );
}

const MOVES: readonly (readonly [string, readonly JobStatus[], JobStatus])[] = [
  ["cancel", ["queued", "running", "paused"], "cancelled"],
  ["pause", ["queued", "running"], "paused"],
  ["resume", ["paused"], "queued"],
];

async function move(
  id: string,
  { verb, from, to }: { verb: string; from: readonly JobStatus[]; to: JobStatus },
  { jobs, runner }: Context,
): Promise<FineTuningJob> {
  const finished_at = to === "cancelled" ? nowInSeconds() : null;
  const moved = await jobs.update(id, (job) => {
    if (from.includes(job.status)) return { ...job, status: to, finished_at };
    throw new ApiError({
      status: 400,
      message: `Job ${id} is ${job.status}: only one that is ${from.join(" or ")} can ${verb}.`,
      reason: `invalid_${verb}_request`,
    });
  });
  if (to !== "queued") await runner.stop(id); // one that waits again may have begun by now
  await jobs.tell(id, { message: `The job is ${to}` });
  runner.wake();
  return moved!;
}

async function createJob(
  request: Request,
  { files, jobs, runner, modelPath, bodyLimit }: Context,
): Promise<Response> {
  const asked = await readBody(request, JobRequest, bodyLimit);
  requireOneOf(asked);
  const { method, hyperparameters } = jobMethod(asked);
  modelPath(asked.model);
  for (const param of ["training_file", "validation_file"] as const)
    if (asked[param] !== undefined) await requireFile(param, asked[param], files);
  const recipe = asked.recipe && checkOwnRecipe(asked.recipe, asked.validation_file !== undefined);
  const { beta, ...own } = recipe ? { beta: undefined } : hyperparameters;
  const job: FineTuningJob = {
    id: orderedId("ftjob"),
    object: "fine_tuning.job",
    created_at: nowInSeconds(),
    finished_at: null,
    estimated_finish: null,
    model: asked.model,
    fine_tuned_model: null,
    organization_id: "attune",
    status: "queued",
    training_file: asked.training_file,
    validation_file: asked.validation_file ?? null,
    hyperparameters: own,
    ...methodObject(recipe ? recipe.objective.type : method, { ...own, ...(method === "dpo" && { beta }) }),
    seed: asked.seed ?? recipe?.seed ?? randomInt(2 ** 31),
    trained_tokens: null,
    result_files: [],
    integrations: [],
    metadata: asked.metadata ?? null,
    user_provided_suffix: asked.suffix ?? null,
    error: null,
    ...(asked.recipe && { recipe: asked.recipe }),
  };
  await jobs.save(job);
  await jobs.tell(job.id, { message: `Created fine-tuning job: ${job.id}` });
  runner.wake();
  return Response.json(job);
}

/** OpenAI's method of a job; none of a recipe's own whose objective OpenAI has no name for. */
function methodObject(objective: string, hyperparameters: object): Pick<FineTuningJob, "method"> {
  const type = objective === "sft" ? "supervised" : objective;
  return type === "supervised" || type === "dpo" ? { method: { type, [type]: { hyperparameters } } } : {};
}

async function requireFile(param: string, id: string, files: FileStore): Promise<void> {
  await files.find(id).catch((error) => {
    if (!(error instanceof ApiError)) throw error;
    throw new ApiError({ ...error.fault, status: 400, param });
  });
}

/** Where a run can go on from; they are no models of their own. */
async function checkpointsOf(job: FineTuningJob, jobs: JobStore) {
  const events = await jobs.events(job.id);
  return events
    .filter(({ type }) => type === "checkpoint")
    .map(({ id, created_at, data: { step } }) => ({
      id: id.replace("ftevent", "ftckpt"),
      object: "fine_tuning.job.checkpoint",
      created_at,
      fine_tuning_job_id: job.id,
      fine_tuned_model_checkpoint: `${job.model}:ckpt-step-${step}`,
      step_number: step,
      metrics: Object.assign({}, ...events.filter(({ data }) => data.step === step).map(({ data }) => data)),
    }))
    .reverse();
}
