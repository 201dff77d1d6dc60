import { type Command, InvalidArgumentError } from "commander";
import { table } from "../../evaluation/report/columns.ts";
import { writeFileAtomic } from "../../files/atomic.ts";
import { compareRuns, type RunComparison } from "../../report/comparison.ts";
import { comparisonPage } from "../../report/comparison_page.ts";
import { differenceRows, runRows, scoresOfRuns } from "../../report/comparison_rows.ts";
import { runPage } from "../../report/run_page.ts";
import type { RunRecord } from "../../report/run_record.ts";
import { COMPARED_METHODS, compareMethods, type MethodName } from "../../run/compare_methods.ts";
import { readRuns } from "../../run/read_runs.ts";
import { AttuneError } from "../../text/errors.ts";
import { listed } from "../../text/listed.ts";
import { nearest } from "../../text/nearest.ts";
import { forTerminal } from "../failure.ts";
import { examples } from "../help.ts";
import { type ComputeOptions, collect, wholeNumber, withCompute } from "../options.ts";
import { readRecipe } from "../recipe_file.ts";
import { openScreen } from "../screen.ts";
import { stopSignals } from "../stop_signals.ts";
import { runTeller } from "../train_progress.ts";

interface CompareFlags extends ComputeOptions {
  methods?: MethodName[];
  output?: string;
  set?: string[];
  generate?: number;
  json?: true;
  html?: string;
}

export const compareCommand = (command: Command): Command =>
  withCompute(
    command
      .description(
        "Shows runs side by side: losses, scores, time, memory, bytes; what differs in their settings, and what can't be compared. With --methods it first tunes by each method on the same number of steps, and evaluates the results.",
      )
      .argument("<runs...>", "directories of runs; with --methods, one recipe's file")
      .option("--json", "print the comparison as JSON, and nothing else")
      .option("--html <file>", "also write it as a page, with the runs' curves over each other")
      .option("--methods <list>", `tune by these first: ${COMPARED_METHODS.join(", ")}`, methodList)
      .option("-o, --output <dir>", "with --methods: where the runs go (default: the recipe's output)")
      .option("-s, --set <key=value>", "with --methods: put a value in the recipe", collect)
      .option("--generate <n>", "with --methods: answer so many held-out rows at most", wholeNumber(1))
      .optionsGroup("Machine:"),
  )
    .addHelpText(
      "after",
      examples([
        ["attune compare runs/a runs/b", "two runs"],
        ["attune compare runs/* --html compare.html", "all runs, with their curves"],
        ["attune compare runs/a --html a.html", "one run's page, made anew"],
        ["attune compare --methods lora,qlora,full recipe.yaml", "which method is worth its cost"],
      ]),
    )
    .action(runCompare);

function methodList(text: string): MethodName[] {
  const names = text.split(",").map((name) => name.trim());
  for (const name of names)
    if (!COMPARED_METHODS.includes(name as MethodName)) {
      const meant = nearest(name, COMPARED_METHODS);
      throw new InvalidArgumentError(
        `There is no method ${name}${meant ? `; did you mean ${meant}?` : ""} Methods: ${listed(COMPARED_METHODS)}.`,
      );
    }
  return [...new Set(names)] as MethodName[];
}

async function runCompare(paths: string[], flags: CompareFlags): Promise<void> {
  const runs = flags.methods ? await tuneByMethods(paths, flags.methods, flags) : await readRuns(paths);
  if (!runs) return;
  if (flags.html !== undefined) await writeFileAtomic(flags.html, pageOf(runs));
  const comparison = compareRuns(runs);
  const text = flags.json ? JSON.stringify(comparison, null, 1) : forTerminal(comparisonText(comparison));
  process.stdout.write(`${text}\n`);
  if (flags.html !== undefined && !flags.json) process.stdout.write(`\nwritten to ${flags.html}\n`);
}

const pageOf = (runs: readonly RunRecord[]) => (runs.length === 1 ? runPage(runs[0]!) : comparisonPage(runs));

export function comparisonText(comparison: RunComparison): string {
  const [scores, differences] = [scoresOfRuns(comparison), differenceRows(comparison)];
  return [
    table(runRows(comparison)),
    ...(scores.length > 0 ? [table(scores)] : []),
    ...(differences.length > 0 ? [table(differences)] : []),
    ...(comparison.notes.length > 0 ? [comparison.notes.map((note) => `note: ${note}`).join("\n")] : []),
  ].join("\n\n");
}

/** Progress goes to stderr: the comparison alone is the command's output. */
async function tuneByMethods(
  paths: readonly string[],
  methods: MethodName[],
  { output, set, generate, device, threads }: CompareFlags,
): Promise<RunRecord[] | undefined> {
  const [path, ...others] = paths;
  if (others.length > 0)
    throw new AttuneError({
      code: "cli.one-recipe",
      place: others.join(", "),
      problem: "with --methods one recipe is tuned",
      wayOut: "Give its file alone",
    });
  const recipe = await readRecipe(path!, set);
  const screen = openScreen(process.stderr);
  const stop = stopSignals(() => screen.print("stopping after this step: the same command goes on"));
  let tell = runTeller(recipe, screen);
  try {
    const work = compareMethods(recipe, {
      ...{ methods, output: output ?? recipe.output, generate, device, threads, signal: stop.signal },
      onEvaluation: ({ model, done, total }) =>
        screen.show(() => `${model}: ${Math.floor(done)} of ${total} rows …`),
    });
    for (let next = await work.next(); ; next = await work.next()) {
      if (next.done) {
        if (!next.value) process.exitCode = stop.exitCode();
        return next.value;
      }
      const event = next.value;
      if (event.type === "method") {
        if (event.work === "train") tell = runTeller(event.recipe, screen, event.method);
        else if (event.work === "evaluate") screen.show(() => `evaluating ${event.method} …`);
        continue;
      }
      stop.listen();
      tell(event);
    }
  } finally {
    screen.clear();
    stop.ignore();
  }
}
