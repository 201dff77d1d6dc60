import type { SettledRecipe } from "../../training/recipe.ts";
import { checkpointBytes, type DiskParts } from "./disk.ts";
import type { MeasuredRun, Writing } from "./measurement.ts";
import type { forwardCost, PassSize } from "./pass_cost.ts";
import type { plannedMethod } from "./planned_method.ts";
import { assumedTime, fittedTime, type TimeParts, timeOf, warmUp } from "./time.ts";
import type { Work } from "./work.ts";

interface TimeContext {
  measured?: MeasuredRun;
  cores: number;
  /** Passes of a step computed at the same time. */
  lanes: number;
  recipe: SettledRecipe;
  planned: Awaited<ReturnType<typeof plannedMethod>>;
  disk: DiskParts;
}

type Costs = Record<"training" | "forward", ReturnType<typeof forwardCost>>;

/** Where nothing was measured: 300 MB a second. */
const WRITING: Writing = { bytes: 64e6, seconds: 0.21, small: 0.01 };

/** Where the run's time goes: each kind of pass by what was measured of it, and what is written. */
export function timeParts(
  work: Work,
  costs: Costs,
  { measured, cores, lanes, recipe, planned, disk }: TimeContext,
): TimeParts {
  const passes = measured?.passes ?? [];
  const ofKind = (trains: boolean) => passes.filter((pass) => pass.trains === trains);
  const training = fittedTime(ofKind(true), costs.training) ?? assumedTime(costs.training, cores / lanes);
  const speed = training(work.largest) / (lanes * costs.training(work.largest));
  const forward =
    fittedTime(ofKind(false), costs.forward) ?? ((size: PassSize) => speed * costs.forward(size));
  const { host = 0, update = 0, writing = WRITING, opening = 3 } = measured ?? {};
  const { plan, steps, looks, held, evaluations, reference } = work;
  const shares = plan.passes.map(({ T, S }) => ({ T: T / lanes, S: S / lanes }));
  const inSteps = plan.weight * (timeOf(shares, training, host) + looks * timeOf(plan.passes, forward));
  const checkpoints = Math.ceil(steps / recipe.training.saveEvery);
  const written = (bytes: number) => writing.seconds * Math.max(1, bytes / writing.bytes);
  const results = written(disk.result) * (1 + Math.max(0, evaluations - 1));
  const records = 2 * writing.small * (checkpoints + evaluations + 1); // report.html and summary.json
  return {
    start: opening + warmUp(ofKind(true), training) + warmUp(ofKind(false), forward),
    reference: timeOf(reference, forward, host),
    steps: inSteps + steps * update,
    evaluation: evaluations * timeOf(held, forward, host),
    saving: checkpoints * written(checkpointBytes(planned.method.trainables)) + results + records,
  };
}
