import type { Recipe } from "../api_types.ts";

/** What a recipe has at a dotted key. */
export const valueAt = (recipe: Recipe, key: string): unknown =>
  key.split(".").reduce<unknown>((at, part) => (isObject(at) ? at[part] : undefined), recipe);

/** The recipe with a value at a dotted key; undefined takes the key out, and an object that it leaves empty. */
export function withValue(recipe: Recipe, key: string, value: unknown): Recipe {
  const [first, ...rest] = key.split(".") as [string, ...string[]];
  const { [first]: old, ...others } = recipe;
  if (rest.length === 0) return value === undefined ? others : { ...recipe, [first]: value };
  const inner = withValue(isObject(old) ? old : {}, rest.join("."), value);
  return Object.keys(inner).length === 0 ? others : { ...recipe, [first]: inner };
}

/** Several at once, as an estimate proposes them. */
export const withValues = (recipe: Recipe, values: Record<string, unknown>): Recipe =>
  Object.entries(values).reduce((so, [key, value]) => withValue(so, key, value ?? undefined), recipe);

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
