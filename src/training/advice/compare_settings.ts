import { asLora } from "../../adapters/lora/as_lora.ts";
import type { SettledRecipe } from "../recipe.ts";
import type { AdviceFacts, AdvisedSetting } from "./facts.ts";
import { recommend } from "./recommend.ts";

/** A setting that is known to work, and what the recipe has in its place. */
export interface ComparedSetting extends AdvisedSetting {
  given: unknown;
  /** The recipe's value is near enough. */
  agrees: boolean;
}

/** What is recommended, beside what a recipe says. Adapters of other kinds than LoRA have settings of their own. */
export function comparedSettings(recipe: SettledRecipe, facts: AdviceFacts): ComparedSetting[] {
  const { adapter } = recipe;
  const isLora = asLora(adapter) !== undefined;
  const isKnown = ({ key }: AdvisedSetting) => isLora || !adapter || !/^adapter|learningRate/.test(key);
  return recommend(facts)
    .filter(isKnown)
    .map((setting) => {
      const given = valueAt(recipe, setting.key);
      return { ...setting, given, agrees: agree(setting, given, recipe) };
    });
}

const valueAt = (value: unknown, key: string): unknown =>
  key
    .split(".")
    .reduce((at, part) => (typeof at === "object" && at !== null ? Reflect.get(at, part) : undefined), value);

/** Numbers within a factor of two to either side are as good as each other; a length may be larger than it has to be. */
function agree(
  { key, value }: AdvisedSetting,
  given: unknown,
  { adapter, training }: SettledRecipe,
): boolean {
  if (key === "training.maxLength") return Number(given) >= Number(value);
  if (key === "training.epochs" && given === undefined) return training.maxSteps !== undefined;
  if (key === "adapter.alpha") return scaleFits(adapter as { r: number; alpha: number; useRslora?: boolean });
  if (typeof value !== "number" || typeof given !== "number")
    return JSON.stringify(given) === JSON.stringify(value);
  return given >= value / NEAR && given <= value * NEAR;
}

const NEAR = 2.5;

/** alpha is right by what it is divided by. */
function scaleFits({ r, alpha, useRslora }: { r: number; alpha: number; useRslora?: boolean }): boolean {
  const ratio = useRslora ? alpha / r : alpha / (2 * r);
  return ratio >= 1 / NEAR && ratio <= NEAR;
}
