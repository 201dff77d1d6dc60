import type { ChildProcess } from "node:child_process";
import { access, mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Hono } from "hono";
import * as z from "zod";
import { estimate } from "../../run/estimate/estimate.ts";
import type { Preset } from "../../run/init/presets.ts";
import { AttuneError } from "../../text/errors.ts";
import { version } from "../../text/version.ts";
import { formatYaml } from "../../text/yaml.ts";
import { ApiError } from "../api_error.ts";
import type { FineTuning } from "../jobs/fine_tuning.ts";
import type { FineTuningJob } from "../jobs/job_store.ts";
import { checkOwnRecipe, ownRecipeSchema } from "../jobs/own_recipe.ts";
import { invalidValue, parameterError, readBody } from "../read_body.ts";
import { checkPlan } from "./check_data.ts";
import { downloadExport, removeRun } from "./kept_runs.ts";
import {
  answerByOwnNames,
  CheckRequest,
  EstimateRequest,
  jobPlaceOf,
  plannedRecipe,
  RecipeRequest,
  SuggestRequest,
} from "./plan_requests.ts";
import { comparedRuns, createRunLines, createRunViews } from "./runs.ts";
import { suggestRecipe } from "./suggest_recipe.ts";
import { createTasks, type Tasks } from "./tasks.ts";

/** A format of `attune export`. */
export interface ExportChoice {
  name: string;
  summary: string;
  /** The usual one first; none where there is no choice. */
  types: readonly string[];
  /** How its file's name ends; none of a directory. */
  ending?: string;
}

export interface StudioOptions {
  /** None where the server has no place for jobs. */
  fineTuning?: FineTuning;
  /** Runs attune's command line in a process of its own, with a channel. */
  start(words: readonly string[]): ChildProcess;
  formats: readonly ExportChoice[];
  /** Words of the command line that say on what it computes. */
  compute?: readonly string[];
  bodyLimit: number;
}

/** What the studio asks beyond OpenAI's API; below /attune/. */
export interface Studio {
  mount(app: Hono): void;
  close(): Promise<void>;
}

interface Context extends StudioOptions {
  fineTuning: FineTuning;
  tasks: Tasks;
}

export function openStudio(options: StudioOptions): Studio {
  const { fineTuning, formats } = options;
  const tasks = createTasks(options.start);
  return {
    mount(app) {
      app.get("/attune/about", () =>
        Response.json({ object: "attune.about", version, has_jobs: fineTuning !== undefined, formats }),
      );
      app.get("/attune/recipe.schema.json", () => Response.json(ownRecipeSchema()));
      app.post("/attune/recipe/check", async ({ req }) =>
        Response.json(checkRecipe((await readBody(req.raw, RecipeRequest, options.bodyLimit)).recipe)),
      );
      if (!fineTuning) return;
      const context = { ...options, fineTuning, tasks };
      mountPlans(app, context);
      mountRuns(app, context);
      mountTasks(app, context);
    },
    close: tasks.close,
  };
}

/** The recipe as YAML, or what is wrong with it, by key. */
function checkRecipe(recipe: Record<string, unknown>) {
  const yaml = formatYaml(recipe);
  try {
    checkOwnRecipe(recipe);
    return { yaml, faults: [] };
  } catch (error) {
    if (!(error instanceof AttuneError)) throw error;
    const faults = error.faults.length > 0 ? error.faults : [error];
    return {
      yaml,
      faults: faults.map(({ code, place, problem, expected, got, wayOut }) => ({
        ...{ code, place, problem, expected, got, wayOut },
      })),
    };
  }
}

/** What a job would be: its data, its settings, what it takes. */
function mountPlans(app: Hono, { fineTuning, bodyLimit }: Context): void {
  app.post("/attune/data/check", async ({ req }) => {
    const asked = await readBody(req.raw, CheckRequest, bodyLimit);
    const work = async () => checkPlan(await plannedRecipe(asked, fineTuning), asked.rows, req.raw.signal);
    return answerByOwnNames(asked, fineTuning, work);
  });
  app.post("/attune/recipe/suggest", async ({ req }) => {
    const { held_out, preset, ...asked } = await readBody(req.raw, SuggestRequest, bodyLimit);
    const wishes = { ...asked, preset: preset as Preset, heldOut: held_out };
    const work = async () => suggestRecipe(await jobPlaceOf(asked, fineTuning), wishes);
    return answerByOwnNames(asked, fineTuning, work);
  });
  app.post("/attune/estimate", async ({ req }) => {
    const asked = await readBody(req.raw, EstimateRequest, bodyLimit);
    const { signal } = req.raw;
    const work = async () =>
      estimate(await plannedRecipe(asked, fineTuning), { measure: asked.measure, signal });
    return answerByOwnNames(asked, fineTuning, work);
  });
}

function mountRuns(app: Hono, context: Context): void {
  const { jobs } = context.fineTuning;
  const lineOf = createRunLines(jobs);
  const viewOf = createRunViews(jobs);
  app.get("/attune/runs", async () => {
    const data = await Promise.all((await jobs.list()).map(lineOf));
    return Response.json({ object: "list", data });
  });
  app.get("/attune/runs/compare", async ({ req }) => {
    const ids = (req.query("ids") ?? "").split(",").filter(Boolean).slice(0, MOST_COMPARED);
    if (ids.length === 0)
      throw parameterError("ids", "missing_required_parameter", {
        message: "Missing required parameter: 'ids', jobs with commas between.",
      });
    return Response.json(await comparedRuns(await Promise.all(ids.map(jobs.find)), jobs));
  });
  app.get("/attune/runs/:id", async ({ req }) => {
    const from = wholeNumber("from", req.query("from"));
    return Response.json(await viewOf(await jobs.find(req.param("id")), from));
  });
  app.delete("/attune/runs/:id", ({ req }) => removeRun(req.param("id"), context.fineTuning, context.tasks));
  app.get("/attune/runs/:id/exports/:name", ({ req }) =>
    downloadExport(req.param("id"), req.param("name"), context.fineTuning),
  );
  app.post("/attune/runs/:id/evaluate", ({ req }) => evaluateRun(req.raw, req.param("id"), context));
  app.post("/attune/runs/:id/export", ({ req }) => exportRun(req.raw, req.param("id"), context));
}

const MOST_COMPARED = 12;

function wholeNumber(param: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw invalidValue(param, "a whole number of at least 0", text);
}

function mountTasks(app: Hono, { tasks }: Context): void {
  app.get("/attune/tasks", () => Response.json({ object: "list", data: tasks.list() }));
  app.get("/attune/tasks/:id", ({ req }) => Response.json(tasks.find(req.param("id"))));
  app.post("/attune/tasks/:id/cancel", ({ req }) => Response.json(tasks.cancel(req.param("id"))));
}

const EvaluateRequest = z.strictObject({ generate: z.int().min(1).max(10_000).optional() });
const ExportRequest = z.strictObject({ format: z.string(), type: z.string().optional() });

async function evaluateRun(request: Request, id: string, context: Context): Promise<Response> {
  const { fineTuning, tasks, bodyLimit, compute = [] } = context;
  const { generate } = await readBody(request, EvaluateRequest, bodyLimit);
  const run = await doneRun(id, fineTuning);
  const answers = generate === undefined ? [] : ["--generate", String(generate)];
  const words = ["eval", run, "--json", ...answers, ...compute];
  return Response.json(tasks.add({ kind: "evaluate", job: id, words, details: { generate } }));
}

/** Writes below the job's own directory, and nowhere else. */
async function exportRun(request: Request, id: string, context: Context): Promise<Response> {
  const { fineTuning, tasks, formats, bodyLimit } = context;
  const asked = await readBody(request, ExportRequest, bodyLimit);
  const run = await doneRun(id, fineTuning);
  const format = formats.find(({ name }) => name === asked.format);
  if (!format)
    throw notAmong(
      "format",
      asked.format,
      formats.map(({ name }) => name),
    );
  const type = asked.type ?? format.types[0];
  if (type !== undefined && !format.types.includes(type)) throw notAmong("type", type, format.types);
  const directory = fineTuning.jobs.pathOf(id, "exports");
  const name = [format.name, type].filter(Boolean).join("-") + (format.ending ?? "");
  const path = join(directory, name);
  await requireNew(path);
  await mkdir(directory, { recursive: true });
  const kept = type === undefined ? [] : ["--type", type];
  const words = ["export", run, "--format", format.name, ...kept, "--out", path];
  return Response.json(tasks.add({ kind: "export", job: id, words, details: { ...asked, type, path } }));
}

async function doneRun(id: string, { jobs }: FineTuning): Promise<string> {
  const { status } = await jobs.find(id);
  if (status === "succeeded") return jobs.pathOf(id, "run");
  throw notDone(id, status);
}

const notDone = (id: string, status: FineTuningJob["status"]) =>
  new ApiError({
    status: 400,
    message: `Job ${id} is ${status}: only what is tuned can be evaluated or exported.`,
    reason: "job_not_done",
  });

async function requireNew(path: string): Promise<void> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (isThere)
    throw new ApiError({
      status: 409,
      message: `It is exported already: ${path}`,
      reason: "already_exported",
    });
}

const notAmong = (param: string, got: string, choices: readonly string[]) =>
  invalidValue(param, choices.join(", ") || "none", got);
