/** How PEFT writes settings that are not used. */
import * as z from "zod";

/** A setting that PEFT writes as null, false or empty when it is off: then it is undefined here. */
export function off<T extends z.ZodType>(setting: T) {
  return z.preprocess((value) => (isOff(value) && value !== 0 ? undefined : value), setting.optional());
}

/** null, false, 0, and empty lists and objects: how PEFT writes a feature that is not used. */
export function isOff(value: unknown): boolean {
  if (typeof value === "object" && value !== null) return Object.keys(value).length === 0;
  return !value;
}

/** What is left of `settings` without those that are undefined. */
export const defined = <T extends object>(settings: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined)) as never;

const NAMES = "a list of names, or a regular expression as a text";
const WHOLE = "a whole number from 0 on";

// Each schema says what it expects: zod's own words mean nothing to who has the file.
const text = z.string({ error: "a name" });
const list = z.array(text, { error: "a list of names" });
export const names = z.union([list.min(1, NAMES), z.string()], { error: NAMES });
export const index = z.int(WHOLE).nonnegative(WHOLE);
export const flag = z.boolean({ error: "true or false" });
export const number = z.number({ error: "a number" });
export const numbers = z.record(z.string(), number, { error: "an object with a number for each name" });
export const oneOf = <const T extends readonly string[]>(values: T) =>
  z.enum(values, { error: values.map((value) => JSON.stringify(value)).join(" or ") });

/** What adapters of all kinds have. */
export const common = {
  target_modules: z.union([list.min(1, NAMES), z.string(), z.null()], { error: NAMES }).optional(),
  base_model_name_or_path: z.string({ error: "the base's name as a text" }).nullish(),
  task_type: z.literal("CAUSAL_LM", { error: '"CAUSAL_LM", a language model' }).nullish(),
  fan_in_fan_out: off(flag),
  modules_to_save: off(list),
};

/** Which of a module's copies, one a layer, are adapted. */
export const layers = {
  layers_to_transform: off(
    z.union([z.array(index), index], { error: "a layer's number, or a list of numbers" }),
  ),
  layers_pattern: off(names),
};
