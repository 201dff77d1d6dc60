import { join } from "node:path";
import { styleText } from "node:util";
import type { Command } from "commander";
import type { MpiWorld } from "../../mpi/world.ts";
import { type TrainOptions, train, type WeightsProgress } from "../../run/train.ts";
import { type StagedEvent, type StageEvent, trainStages } from "../../run/train_stages.ts";
import type { EndEvent, TrainEvent } from "../../training/events.ts";
import type { Recipe } from "../../training/recipe.ts";
import { isStaged, type StagedRecipeInput } from "../../training/staged_recipe.ts";
import { failureCode } from "../failure.ts";
import { showDownload } from "../fetch_model.ts";
import { formatPercent, plural } from "../format.ts";
import { examples } from "../help.ts";
import { errorEvent, eventLine } from "../json_events.ts";
import { asOneOfMany, threadsOf, worldLine } from "../one_of_many.ts";
import { type ComputeOptions, collect, withCompute } from "../options.ts";
import { openProfile, type Profile } from "../profile/profile.ts";
import { readAnyRecipe } from "../recipe_file.ts";
import { openScreen, type Screen } from "../screen.ts";
import { keepHeapSmall, letHeapGrow } from "../small_heap.ts";
import { stopSignals } from "../stop_signals.ts";
import { trainProgress } from "../train_progress.ts";
import { trainSummary } from "../train_summary.ts";

interface TrainFlags extends ComputeOptions {
  set?: string[];
  profile?: string | true;
  json?: true;
}

export const trainCommand = (command: Command): Command =>
  withCompute(
    command
      .description(
        "Runs a recipe, or its stages one after the other: a YAML or JSON file, or the default export of a JavaScript or\n" +
          "TypeScript module.\n" +
          "Ctrl-C saves and exits; the same command again goes on from there, as if nothing had happened.",
      )
      .argument("<recipe>", "the recipe's file")
      .option("-s, --set <key=value>", "put a value in the recipe; can be given several times", collect),
  )
    .option(
      "--profile [prefix]",
      "tell where the time goes: profile.html in the run's directory, and PREFIX_*.json for a trace viewer",
    )
    .option("--json", "print events as JSON lines, and nothing else: for programs")
    .addHelpText(
      "after",
      examples([
        ["attune train recipe.yaml", "run it"],
        ["attune train recipe.yaml --set training.epochs=1", "with one value changed"],
        [
          "attune train recipe.yaml -s output=runs/b -s adapter.r=16 -s 'adapter.targetModules=[q_proj, v_proj]'",
          "with several changed: values are YAML",
        ],
        ["attune train recipe.yaml -s adapter=null", "without a key: here, all weights"],
        ["attune train recipe.yaml --threads 2", "leave the other cores to others"],
        ["mpirun -n 4 attune train recipe.yaml", "on several processes or machines"],
        ["attune train recipe.yaml --json", "events for a program, a line of JSON each"],
      ]),
    )
    .action(runTrain);

const runTrain = (path: string, flags: TrainFlags): Promise<void> =>
  asOneOfMany((world) => trainAs(world, path, { ...flags, threads: flags.threads ?? threadsOf(world) }));

const STOPPED = 128 + 15; // by a signal to another of the processes

/** One process speaks for all. */
async function trainAs(world: MpiWorld | undefined, path: string, flags: TrainFlags): Promise<void> {
  if (world && world.rank > 0) return trainInSilence(world, path, flags);
  if (!flags.json) return showTraining(path, flags, world);
  try {
    await printEvents(path, flags, world);
  } catch (error) {
    process.stdout.write(eventLine(errorEvent(error)));
    if (world) throw error;
    process.exitCode = failureCode;
  }
}

async function trainInSilence(
  ranks: MpiWorld,
  path: string,
  { set, device, threads }: TrainFlags,
): Promise<void> {
  const stop = stopSignals(() => {});
  const input = await readAnyRecipe(path, set);
  try {
    for await (const event of runOf(input, { signal: stop.signal, device, threads, ranks }))
      if (event.type === "start") stop.listen();
  } finally {
    stop.ignore();
  }
}

/** Standard output is the events' alone; a signal stops the run as it does otherwise. */
async function printEvents(
  path: string,
  { set, device, threads, profile }: TrainFlags,
  ranks?: MpiWorld,
): Promise<void> {
  const input = await readAnyRecipe(path, set);
  const stop = stopSignals(() => {});
  const measured = openWanted(profile, threads);
  try {
    const options = { signal: stop.signal, device, threads, ranks, ...measured?.options };
    for await (const event of runOf(input, options)) {
      if (event.type === "start") stop.listen();
      process.stdout.write(eventLine(event));
      if (event.type === "end" && event.reason === "stopped") process.exitCode = stop.exitCode() ?? STOPPED;
    }
    if (measured) process.stderr.write(`${await profileOf(measured, input)}\n`);
  } finally {
    stop.ignore();
  }
}

async function showTraining(
  path: string,
  { set, device, threads, profile }: TrainFlags,
  ranks?: MpiWorld,
): Promise<void> {
  const input = await readAnyRecipe(path, set);
  const screen = openScreen();
  const stop = stopSignals(() =>
    screen.print("stopping after this step (again: stop at once, lose what is not saved)"),
  );
  if (ranks) screen.print(worldLine(ranks, threads));
  let running = runningOf(isStaged(input) ? undefined : input, screen);
  const measured = openWanted(profile, threads);
  try {
    const options = {
      ...measured?.options,
      signal: stop.signal,
      device,
      threads,
      ranks,
      onDownload: showDownload(screen),
      onRows: (rows: number) => screen.show(() => `${plural(rows, "row")} tokenized …`),
      onWeights: (progress: WeightsProgress) => screen.show(() => describeWeights(progress)),
    };
    for await (const event of runOf(input, options)) {
      if (event.type === "stage") {
        screen.print(stageTitle(event));
        running = runningOf(event.recipe, screen);
        continue;
      }
      if (event.type === "start") stop.listen(); // before it nothing is lost, and data may keep this thread busy
      running.tell(event);
      if (event.type !== "end") continue;
      stop.ignore();
      screen.print(running.summary(event));
      if (event.reason === "stopped") process.exitCode = stop.exitCode() ?? STOPPED;
    }
    if (measured) screen.print(await profileOf(measured, input));
  } finally {
    screen.clear();
    stop.ignore();
  }
}

/** The run's events. Steps need little of the heap that preparing them has filled. */
async function* runOf(
  input: Recipe | StagedRecipeInput,
  options: TrainOptions,
): AsyncGenerator<StagedEvent, void, undefined> {
  for await (const event of isStaged(input) ? trainStages(input, options) : train(input, options)) {
    if (event.type === "stage") letHeapGrow();
    if (event.type === "start") keepHeapSmall();
    yield event;
  }
}

/** Shows one run from now on. */
function runningOf(recipe: Recipe | undefined, screen: Screen) {
  const started = performance.now();
  if (!recipe) {
    screen.show(() => "checking all stages and their data …");
    return { tell: (_: TrainEvent) => {}, summary: () => "" };
  }
  return {
    tell: trainProgress(recipe, screen),
    summary: (end: EndEvent) => trainSummary(recipe, end, (performance.now() - started) / 1000),
  };
}

const stageTitle = ({ stage, stages, name }: StageEvent) =>
  `${stage > 1 ? "\n" : ""}${styleText("bold", `stage ${stage} of ${stages}: ${name}`)}`;

const describeWeights = ({ work, done, total }: WeightsProgress) =>
  `${work === "quantizing" ? "quantizing the model" : "starting the adapter"}: ${formatPercent(done / total)} …`;

const openWanted = (profile: string | true | undefined, threads: number | undefined) =>
  profile === undefined ? undefined : openProfile(profile === true ? "attune-profile" : profile, threads);

/** The page lies beside what else the run made. */
const profileOf = (measured: Profile, { output }: Recipe | StagedRecipeInput) =>
  measured.finish(join(output, "profile.html"), output);
