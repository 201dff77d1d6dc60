import { join } from "node:path";
import type { Command } from "commander";
import { table } from "../../evaluation/report/columns.ts";
import { writeFileAtomic } from "../../files/atomic.ts";
import { REPORT_FILE } from "../../run/run_directory.ts";
import { planTrials, type SweepAxis, type TrialValues } from "../../run/sweep/plan.ts";
import type { Trial } from "../../run/sweep/state.ts";
import { type SweepResult, sweep, type TrialEvent } from "../../run/sweep/sweep.ts";
import { isPlainObject } from "../../text/plain_object.ts";
import { formatYaml } from "../../text/yaml.ts";
import { parseRecipe, type Recipe } from "../../training/recipe.ts";
import { attuneCommand } from "../attune_command.ts";
import { forTerminal } from "../failure.ts";
import { formatCount, formatLoss, formatPercent, plural } from "../format.ts";
import { examples } from "../help.ts";
import { type ComputeOptions, collect, wholeNumber, withCompute } from "../options.ts";
import { applyOverrides } from "../overrides.ts";
import { readRecipeValue } from "../recipe_file.ts";
import { openScreen, type Screen } from "../screen.ts";
import { stopSignals } from "../stop_signals.ts";
import { axisOfFlag, splitSweep } from "../sweep_axes.ts";
import { headerLine } from "../train_header.ts";
import { runTeller } from "../train_progress.ts";

interface SweepFlags extends ComputeOptions {
  set?: string[];
  random?: number;
  seed?: number;
  stopEarly: boolean;
  output?: string;
  json?: true;
}

export const sweepCommand = (command: Command): Command =>
  withCompute(
    command
      .description(
        "Trains a recipe with several values of its keys, and ranks them by held-out loss: all for a ninth of their steps, the better third on to a third, the best of those to the end. What comes out is the best recipe. The same command goes on where it was stopped.",
      )
      .argument("<recipe>", "the recipe's file; its sweep: says what the flags don't")
      .option(
        "-s, --set <key=values>",
        "a key and what it may be: 1e-4,3e-4 or 1e-5..1e-3; can be given several times",
        collect,
      )
      .option("--random <n>", "try so many combinations by chance (default: all)", wholeNumber(1))
      .option("--seed <n>", "of the chance (default: 0)", wholeNumber(0))
      .option("--no-stop-early", "train all to the end")
      .option("-o, --output <dir>", "where the runs go (default: the recipe's output, with -sweep)")
      .option("--json", "print the ranking as JSON, and nothing else")
      .optionsGroup("Machine:"),
  )
    .addHelpText(
      "after",
      examples([
        [
          "attune sweep recipe.yaml --set training.learningRate=1e-4,3e-4,1e-3 --set adapter.r=4,16",
          "a grid of six",
        ],
        [
          "attune sweep recipe.yaml --set training.learningRate=1e-5..1e-3 --random 12 --seed 1",
          "twelve by chance",
        ],
        [
          "attune sweep recipe.yaml --set adapter.r=4,16 --set seed=1,2,3",
          "each with three seeds, whose mean counts",
        ],
      ]),
    )
    .action(runSweep);

async function runSweep(path: string, flags: SweepFlags): Promise<void> {
  const { recipe: value, settings } = splitSweep(await readRecipeValue(path), path);
  const axes = mergedAxes(settings.axes, (flags.set ?? []).map(axisOfFlag));
  const { random = settings.random, seed = settings.seed, device, threads } = flags;
  const trials = planTrials(axes, { random, seed });
  const withValues = (values: TrialValues, output?: string) =>
    applyOverrides(value, [...overridesOf(values), ...(output === undefined ? [] : overridesOf({ output }))]);
  const recipeOf = (values: TrialValues, output: string): Recipe =>
    parseRecipe(withValues(values, output), `${path} with ${shown(values)}`);
  const base = recipeOf(trials[0]!, baseOutput(value));
  const output = flags.output ?? `${base.output}-sweep`;
  const screen = openScreen(process.stderr);
  const stop = stopSignals(() => screen.print("stopping after this step: the same command goes on"));
  const stopEarly = flags.stopEarly && (settings.stopEarly ?? true);
  try {
    const options = { output, trials, recipeOf, stopEarly, device, threads, signal: stop.signal };
    const result = await followed(sweep(options), screen, stop);
    if (!result) {
      process.exitCode = stop.exitCode();
      return;
    }
    const file = join(output, "best.yaml");
    await writeFileAtomic(file, bestRecipe(result, withValues(result.best.values), trials.length));
    process.stdout.write(
      flags.json
        ? `${JSON.stringify({ ...result, recipe: file }, null, 1)}\n`
        : `${forTerminal(sweepText(result, output, file))}\n`,
    );
  } finally {
    screen.clear();
    stop.ignore();
  }
}

const baseOutput = (value: unknown): string =>
  isPlainObject(value) && typeof value.output === "string" ? value.output : "runs/sweep";

/** What a flag says of a key stands above the recipe's own sweep. */
const mergedAxes = (own: readonly SweepAxis[], flags: readonly SweepAxis[]): SweepAxis[] => [
  ...own.filter(({ key }) => !flags.some((flag) => flag.key === key)),
  ...flags,
];

const overridesOf = (values: TrialValues): string[] =>
  Object.entries(values).map(([key, value]) => `${key}=${JSON.stringify(value)}`);

const shown = (values: TrialValues): string => overridesOf(values).join(" ");

async function followed(
  work: ReturnType<typeof sweep>,
  screen: Screen,
  stop: ReturnType<typeof stopSignals>,
): Promise<SweepResult | undefined> {
  let tell: ReturnType<typeof runTeller> | undefined;
  for (let next = await work.next(); ; next = await work.next()) {
    if (next.done) return next.value;
    const event = next.value;
    if (event.type === "trial") tell = runTeller(event.recipe, screen, trialTitle(event));
    else {
      stop.listen();
      tell?.(event);
    }
  }
}

const trialTitle = ({ trial, trials, share }: TrialEvent) =>
  `trial ${Number(trial.name)} of ${trials}, to ${share === 1 ? "the end" : formatPercent(share)}: ${shown(trial.values)}`;

/** A file that `attune train` takes. */
function bestRecipe({ best }: SweepResult, recipe: unknown, trials: number): string {
  return `# The best of ${plural(trials, "trial")}: held-out loss ${formatLoss(best.loss)} with ${shown(best.values)}\n${formatYaml(recipe)}`;
}

function sweepText({ trials, best }: SweepResult, output: string, file: string): string {
  const keys = Object.keys(trials[0]!.values);
  const row = ({ name, values, state, step, loss }: Trial) => [
    name,
    ...keys.map((key) => JSON.stringify(values[key])),
    formatCount(step),
    loss === undefined ? "–" : formatLoss(loss),
    state,
  ];
  const failed = trials.find(({ problem }) => problem !== undefined)?.problem;
  return [
    table([["trial", ...keys, "steps", "held out", ""], ...trials.map(row)]),
    "",
    headerLine("best", `${shown(best.values)}: held-out loss ${formatLoss(best.loss)}`),
    ...(failed === undefined ? [] : [headerLine("failed", failed)]),
    headerLine("recipe", file),
    headerLine("page", join(output, REPORT_FILE)),
    headerLine("next", attuneCommand(["train", file])),
  ].join("\n");
}
