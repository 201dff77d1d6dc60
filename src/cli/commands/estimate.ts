import type { Command } from "commander";
import { type EstimateOptions, estimate } from "../../run/estimate/estimate.ts";
import { estimateStages } from "../../run/estimate/estimate_stages.ts";
import type { Recipe } from "../../training/recipe.ts";
import { isStaged, type StagedRecipeInput } from "../../training/staged_recipe.ts";
import { estimateReport, stagedReport } from "../estimate_report.ts";
import { showDownload } from "../fetch_model.ts";
import { examples } from "../help.ts";
import { type ComputeOptions, collect, withCompute } from "../options.ts";
import { readAnyRecipe } from "../recipe_file.ts";
import { openScreen } from "../screen.ts";
import { stopSignals } from "../stop_signals.ts";

interface Flags extends ComputeOptions {
  set?: string[];
  json?: true;
  measure: boolean;
}

export const estimateCommand = (command: Command): Command =>
  withCompute(
    command
      .description(
        "Says what a recipe will take before it runs: peak memory, time, steps, tokens and disk; whether it fits this machine, and what to change where it doesn't; and what is known of its settings.\n" +
          "The data is read and tokenized as the run will, and a few passes are run in a process of their own. Nothing is written into the run's directory, and no weights are downloaded.",
      )
      .argument("<recipe>", "the recipe's file")
      .option("-s, --set <key=value>", "put a value in the recipe; can be given several times", collect)
      .option("--no-measure", "run no pass: at once, but time and memory are rough")
      .option("--json", "print the result as JSON, and nothing else")
      .optionsGroup("Machine:"),
  )
    .addHelpText(
      "after",
      examples([
        ["attune estimate recipe.yaml", "memory, time, disk, and advice"],
        ["attune estimate recipe.yaml -s training.maxLength=1024", "with one value changed"],
        ["attune estimate recipe.yaml --no-measure --json", "at once, as JSON"],
      ]),
    )
    .action(runEstimate);

async function runEstimate(path: string, { set, json, measure, device, threads }: Flags): Promise<void> {
  const recipe = await readAnyRecipe(path, set);
  const screen = openScreen(process.stderr);
  const stop = stopSignals(() => {});
  try {
    const options = {
      device,
      threads,
      measure,
      signal: stop.signal,
      hub: { onProgress: showDownload(screen) },
      onProgress: (what: string) => screen.show(() => `${what} …`),
    };
    const { figures, text } = await figuresOf(recipe, options);
    screen.clear();
    process.stdout.write(`${json ? JSON.stringify(figures, null, 1) : text}\n`);
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    process.exitCode = stop.exitCode();
  } finally {
    screen.clear();
    stop.ignore();
  }
}

async function figuresOf(recipe: Recipe | StagedRecipeInput, options: EstimateOptions) {
  if (!isStaged(recipe)) {
    const figures = await estimate(recipe, options);
    return { figures, text: estimateReport(recipe, figures) };
  }
  const figures = await estimateStages(recipe, options);
  return { figures, text: stagedReport(recipe, figures) };
}
