import { styleText } from "node:util";
import type { Alternative } from "../run/estimate/alternatives.ts";
import type { Estimate } from "../run/estimate/estimate.ts";
import type { StagedEstimate } from "../run/estimate/estimate_stages.ts";
import type { Recipe } from "../training/recipe.ts";
import { parseStages, type StagedRecipeInput, stageRecipe } from "../training/staged_recipe.ts";
import { forTerminal } from "./failure.ts";
import { formatBytes, formatCount, formatDuration, formatPercent, plural } from "./format.ts";
import { headerLine } from "./train_header.ts";

/** What a recipe will take, for people. */
export function estimateReport(recipe: Recipe, estimate: Estimate): string {
  const { notes, download } = estimate;
  const lines: [string, string][] = [
    ["model", `${recipe.model}, ${plural(estimate.parameters, "parameter")}`],
    ...(download ? [["download", `${formatBytes(download.bytes)}, before the run`] as [string, string]] : []),
    [
      "trained",
      `${formatCount(estimate.trainedParameters)} (${formatPercent(estimate.trainedParameters / estimate.parameters)})`,
    ],
    ["data", dataLine(estimate)],
    ["steps", `${formatCount(estimate.steps)} of ${plural(recipe.training.batchSize, "example")}`],
    ["tokens", tokensLine(estimate)],
    ["memory", memoryLine(estimate)],
    ["time", timeLine(estimate)],
    ["disk", diskLine(estimate)],
    ...notes.map((note): [string, string] => ["note", note]),
  ];
  return [
    ...lines.map(([name, text]) => headerLine(name, forTerminal(text))),
    ...fitLines(estimate),
    ...adviceLines(estimate),
  ].join("\n");
}

/** Stage by stage, and all of them together. */
export function stagedReport(input: StagedRecipeInput, figures: StagedEstimate): string {
  const { stages, model } = parseStages(input);
  const parts = figures.stages.map((own, i) => {
    const title = styleText("bold", `stage ${i + 1} of ${stages.length}: ${own.name}`);
    return `${title}\n${estimateReport(stageRecipe(stages[i]!, { model }), own)}`;
  });
  const { peakMemoryBytes, seconds, steps, diskBytes } = figures;
  const all = `${formatBytes(peakMemoryBytes)} at most, ${formatDuration(seconds)}, ${plural(steps, "step")}, ${formatBytes(diskBytes)} of disk`;
  return [...parts, headerLine("together", all)].join("\n\n");
}

function dataLine({ data, examples, evaluationExamples }: Estimate): string {
  const heldOut = evaluationExamples > 0 ? `, ${formatCount(evaluationExamples)} held out` : "";
  return `${plural(data.read, "row")}: ${plural(examples, "example")} to train on${heldOut}`;
}

const tokensLine = ({ tokens, computedTokens, supervisedTokens }: Estimate) =>
  `${formatCount(tokens)} in all steps, ${formatCount(computedTokens)} computed, ${formatCount(supervisedTokens)} of them labels`;

function memoryLine({ peakMemoryBytes, memory, machine, measured }: Estimate): string {
  const { program, weights, trained, activations } = memory;
  const parts = `weights ${formatBytes(weights)}, trained ${formatBytes(trained)}, activations ${formatBytes(activations)}, program ${formatBytes(program)}`;
  const how = measured ? "measured" : "by the graph";
  return `${formatBytes(peakMemoryBytes)} at most (${how}; ${parts}); ${formatBytes(machine.availableBytes)} of ${formatBytes(machine.memoryBytes)} free`;
}

function timeLine({ seconds, secondsPerStep, measured, machine }: Estimate): string {
  const how = measured ? "from a few passes run here" : `assumed for ${plural(machine.cores, "core")}, rough`;
  return `${formatDuration(seconds)}, ${shortSeconds(secondsPerStep)} a step (${how})`;
}

const shortSeconds = (seconds: number) =>
  seconds < 60 ? `${seconds.toPrecision(2)} s` : formatDuration(seconds);

function diskLine({ diskBytes, disk }: Estimate): string {
  const { result, best, checkpoints, cache } = disk;
  return `${formatBytes(diskBytes)}: result ${formatBytes(result)}${best > 0 ? `, best ${formatBytes(best)}` : ""}, checkpoints ${formatBytes(checkpoints)}, caches ${formatBytes(cache)}`;
}

function fitLines({ fits, alternatives, peakMemoryBytes, machine }: Estimate): string[] {
  const isTight = peakMemoryBytes > TIGHT * machine.availableBytes;
  const verdict = fits
    ? isTight
      ? "fits, with little room"
      : "fits this machine"
    : "does not fit this machine";
  const title = `\n${styleText("bold", verdict)}`;
  if (!isTight || alternatives.length === 0) return [title];
  return [title, "what takes less:", ...alternatives.map((change) => `  ${alternativeLine(change)}`)];
}

/** Of what is free: from here on less is shown. */
const TIGHT = 0.8;

export function alternativeLine({ set, note, peakMemoryBytes, secondsPerStep }: Alternative): string {
  const keys = Object.entries(set).map(
    ([key, value]) => `${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return `${formatBytes(peakMemoryBytes)}, ${shortSeconds(secondsPerStep)} a step: ${keys.join(", ")} (${note})`;
}

function adviceLines({ warnings, settings }: Estimate): string[] {
  const warned = new Set(warnings.map(({ key }) => key));
  const other = settings.filter(({ agrees, key }) => !agrees && !warned.has(key));
  return [
    ...section(
      "likely to go wrong",
      warnings.map(({ key, problem, wayOut, source }) => `${key}: ${problem}. ${wayOut}. (${source})`),
    ),
    ...section(
      "settings that are known to work for such data",
      other.map(
        ({ key, value, given, reason, source }) =>
          `${key}: ${shown(value)}, here ${shown(given)}: ${reason} (${source})`,
      ),
    ),
  ];
}

const section = (title: string, lines: readonly string[]): string[] =>
  lines.length === 0
    ? []
    : [`\n${styleText("bold", title)}`, ...lines.map((line) => `  ${forTerminal(line)}`)];

const shown = (value: unknown) =>
  value === undefined ? "nothing" : typeof value === "string" ? value : JSON.stringify(value);
