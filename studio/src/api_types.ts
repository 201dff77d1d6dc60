import type { RunComparison } from "../../src/report/comparison.ts";
import type { RecordedSamples, RunSummary } from "../../src/report/run_record.ts";
import type { Estimate } from "../../src/run/estimate/estimate.ts";
import type { StoredFile } from "../../src/server/jobs/file_store.ts";
import type { FineTuningJob, JobEvent } from "../../src/server/jobs/job_store.ts";
import type { checkPlan } from "../../src/server/studio/check_data.ts";
import type { RunLine, RunView } from "../../src/server/studio/runs.ts";
import type { ExportChoice } from "../../src/server/studio/studio_routes.ts";
import type { suggestRecipe } from "../../src/server/studio/suggest_recipe.ts";
import type { StudioTask } from "../../src/server/studio/tasks.ts";
import type { Fault } from "../../src/text/errors.ts";

/** What the server answers. */
export interface About {
  version: string;
  has_jobs: boolean;
  formats: ExportChoice[];
}

export interface Model {
  id: string;
  created: number;
  parent?: string;
}

export type Recipe = Record<string, unknown>;
export type DataCheck = Awaited<ReturnType<typeof checkPlan>>;
export type Suggestion = Awaited<ReturnType<typeof suggestRecipe>>;
export type RecipeCheck = { yaml: string; faults: Fault[] };
export type Curves = RunView["curves"];
export type Curve = Curves[string];
export type ComparedRuns = Omit<RunComparison, "runs"> & {
  runs: (RunComparison["runs"][number] & { id: string; curves: Curves })[];
};
export type List<T> = { data: T[] };
export type {
  Estimate,
  ExportChoice,
  Fault,
  FineTuningJob,
  JobEvent,
  RecordedSamples,
  RunLine,
  RunSummary,
  RunView,
  StoredFile,
  StudioTask,
};
