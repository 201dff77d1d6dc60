import { settingsOf } from "../report/settings.ts";
import { openMlflowTracker } from "../tracking/mlflow/mlflow.ts";
import { type MlflowServer, mlflowServer } from "../tracking/mlflow/server.ts";
import { openTensorboard } from "../tracking/tensorboard/tensorboard.ts";
import { type Recipe, storedRecipe } from "../training/recipe.ts";
import type { RunDirectory } from "./run_directory.ts";
import type { Watcher } from "./watched.ts";

/** Where a run is to be tracked, known before it starts. */
export type TrackingPlan = ("tensorboard" | MlflowServer)[];

/** @throws AttuneError when a server is not named, or wrongly. */
export const trackingPlan = ({ tracking = [] }: Recipe): TrackingPlan =>
  tracking.map((one) => {
    if (one === "tensorboard") return one;
    return mlflowServer(one === "mlflow" ? {} : one);
  });

/** What follows the run from its start at `step`. */
export function trackers(recipe: Recipe, directory: RunDirectory, plan: TrackingPlan): Watcher[] {
  const settings = settingsOf(storedRecipe(recipe));
  return plan.map((one) => {
    const name = one === "tensorboard" ? "TensorBoard" : `MLflow at ${one.url}`;
    return {
      name: `tracking by ${name} has gaps`,
      open({ step }) {
        const run = { path: directory.path, step, settings };
        return one === "tensorboard" ? openTensorboard(run) : openMlflowTracker(one, run);
      },
    };
  });
}
