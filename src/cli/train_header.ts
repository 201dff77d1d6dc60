import { styleText } from "node:util";
import { configOf } from "../adapters/adapter_schema.ts";
import { kindOf } from "../adapters/kinds/kinds.ts";
import type { Origin } from "../data/example.ts";
import type { LeftOut, PreparationReport } from "../data/tokenize/preparation_report.ts";
import { describeQuantization } from "../quantization/quantization_schema.ts";
import { groupBy } from "../text/group_by.ts";
import type { StartEvent } from "../training/events.ts";
import { INT8_COST } from "../training/int8_products.ts";
import { FLOAT16_COST } from "../training/loss_scale.ts";
import type { Recipe } from "../training/recipe.ts";
import { forTerminal } from "./failure.ts";
import { formatCount, formatPercent, plural } from "./format.ts";

/** What is about to be trained, on what, for how long; and what of the data is not. */
export function trainHeader(recipe: Recipe, start: StartEvent): string {
  const { learningRate, warnings } = start;
  const rows: [string, string][] = [
    ["model", model(recipe, start)],
    ...compute(recipe),
    ["trained", trained(recipe, start)],
    ["data", data(start)],
    ...leftOut(start.data, recipe),
    ...duplicates(start),
    ["steps", steps(recipe, start)],
    ["rate", `learning rate ${learningRate.value.toExponential()}, ${learningRate.origin}`],
    ["output", recipe.output],
    ...warnings.map((warning): [string, string] => ["warning", warning]),
  ];
  return rows.map(([name, text]) => headerLine(name, forTerminal(text))).join("\n");
}

export const headerLine = (name: string, text: string): string =>
  `${styleText("dim", name.padEnd(9))} ${text}`;

function model({ model, quantization }: Recipe, { parameters }: StartEvent): string {
  const kept = quantization ? `, linear layers in ${describeQuantization(quantization)}` : "";
  return `${model}, ${plural(parameters, "parameter")}${kept}`;
}

function compute({ compute }: Recipe): [string, string][] {
  if (compute === "int8") return [["compute", `frozen layers in 8-bit integers: ${INT8_COST}`]];
  if (compute === "float16") return [["compute", `linear layers in float16: ${FLOAT16_COST}`]];
  return [];
}

function trained(recipe: Recipe, { trainedParameters, parameters }: StartEvent): string {
  const { adapter, trainableLayers } = recipe;
  if (!adapter && !trainableLayers) return `all ${formatCount(parameters)}`;
  return `${formatCount(trainedParameters)} (${formatPercent(trainedParameters / parameters)}): ${described(recipe)}`;
}

function described({ adapter, trainableLayers }: Recipe): string {
  if (!adapter) return trainableLayers === 1 ? "the last layer" : `the last ${trainableLayers} layers`;
  if ("path" in adapter) return `going on from ${adapter.path}`;
  const { targetModules } = adapter;
  const config = configOf(adapter);
  const kind = kindOf({ config }).describe(config);
  return targetModules === undefined ? kind : `${kind}, ${targets(targetModules)}`;
}

const targets = (modules: string | string[]) => (typeof modules === "string" ? modules : modules.join(", "));

function data({ examples, evaluationExamples, data }: StartEvent): string {
  const heldOut = evaluationExamples > 0 ? `, ${formatCount(evaluationExamples)} held out` : "";
  return `${plural(data.read, "row")}: ${plural(examples, "sequence")} to train on${heldOut}; ${plural(data.tokens, "token")}, ${formatCount(data.supervisedTokens)} of them labels`;
}

function leftOut(
  { truncated, withoutLabel, dropped, unusable, lost }: PreparationReport,
  { training }: Recipe,
) {
  const rows: [string, string][] = [];
  const cut = truncated - withoutLabel;
  if (cut > 0)
    rows.push([
      "cut",
      `${plural(cut, "row")} to maxLength ${training.maxLength}: their answers lost the end`,
    ]);
  for (const entry of dropped) rows.push(["dropped", describeLeftOut(entry)]);
  for (const entry of unusable) rows.push(["unusable", describeLeftOut(entry)]);
  for (const entry of lost) rows.push(["lost", describeLeftOut(entry)]);
  return rows;
}

function duplicates({ duplicates }: StartEvent): [string, string][] {
  if (duplicates === 0) return [];
  return [["equal", `${plural(duplicates, "sequence")} left out, equal to another`]];
}

/** 3 rows: the answer is empty (file row 3, 5, 8) */
export const describeLeftOut = ({ reason, count, origins }: LeftOut): string =>
  `${plural(count, "row")}: ${reason} (${places(origins, count)})`;

const SHOWN = 3;

/** file row 3, 5, 8; other row 1 and 12 more */
function places(origins: readonly Origin[], count: number): string {
  const shown = origins.slice(0, SHOWN);
  const files = groupBy(shown, ({ file }) => file);
  const more = count > shown.length ? ` and ${formatCount(count - shown.length)} more` : "";
  return (
    Array.from(files, ([file, rows]) => `${file} row ${rows.map(({ row }) => row).join(", ")}`).join("; ") +
    more
  );
}

function steps({ training }: Recipe, { totalSteps, stepsPerEpoch, step }: StartEvent): string {
  const epochs = totalSteps / stepsPerEpoch;
  const goesOn =
    step === 0 ? "" : step < totalSteps ? `; going on after step ${formatCount(step)}` : "; all done before";
  return `${formatCount(totalSteps)} of ${plural(training.batchSize, "example")}, ${Number(epochs.toFixed(2))} epoch${epochs === 1 ? "" : "s"}${goesOn}`;
}
