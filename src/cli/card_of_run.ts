/** What a run's files say for its model card. */
import { basename, join } from "node:path";
import type { CardRun } from "../export/model_card.ts";
import { publicName } from "../export/push/push_model.ts";
import { ifThere, readJsonObject } from "../files/json_file.ts";
import { readRunResult } from "../run/run_result.ts";
import type { Recipe } from "../training/recipe.ts";

export interface RunCard {
  /** The result's directory; of what is no run the path itself. */
  path: string;
  base?: string;
  run?: CardRun;
}

export async function cardOfRun(path: string): Promise<RunCard> {
  const result = await readRunResult(path);
  if (!result) return { path };
  const { recipe, run } = result;
  const evaluation = await ifThere(readJsonObject(join(run, "evaluation.json")));
  const facts = { data: dataOf(recipe), settings: settingsOf(recipe), metrics: metricsOf(evaluation) };
  return { path: result.path, base: recipe.model, run: facts };
}

/** Files by their last part: where they lay is nobody's business. */
function dataOf({ data }: Recipe): string[] {
  return data.map((entry) => {
    const from = (entry as { path?: unknown }).path;
    if (typeof from !== "string") return "rows given in a program";
    return /[\\/].*[\\/]|^[.~/\\]|^[A-Za-z]:/.test(from) ? basename(from) : publicName(from);
  });
}

function settingsOf({ stage, objective, training, template }: Recipe): (readonly [string, string])[] {
  const { epochs, maxSteps, batchSize, maxLength, learningRate, schedule } = training;
  const known = { epochs, maxSteps, batchSize, maxLength, learningRate, schedule };
  return [
    ["stage", stage],
    ["objective", objective.type],
    ...Object.entries(known).flatMap(([name, value]) =>
      value === undefined || value === null ? [] : [[name, String(value)] as const],
    ),
    ...(template === undefined || /[\\/]/.test(template) ? [] : [["template", template] as const]),
  ];
}

/** Scores of the tuned model on held-out rows, those of the base beside them. */
function metricsOf(evaluation: Record<string, unknown> | undefined): (readonly [string, string])[] {
  const [base, tuned] = [scoresOf(evaluation?.base), scoresOf(evaluation?.tuned)];
  return [...tuned].map(([name, value]) => {
    const before = base.get(name);
    return [
      name,
      before === undefined ? shown(value) : `${shown(value)}, of the base ${shown(before)}`,
    ] as const;
  });
}

function scoresOf(scores: unknown): Map<string, number> {
  const entries = typeof scores === "object" && scores !== null ? Object.entries(scores) : [];
  const number = (value: unknown) =>
    typeof value === "number" ? value : (value as { value?: unknown } | null)?.value;
  return new Map(
    entries.flatMap(([name, value]) => {
      const found = number(value);
      return typeof found === "number" ? [[name, found] as const] : [];
    }),
  );
}

const shown = (value: number) => String(Number(value.toPrecision(4)));
