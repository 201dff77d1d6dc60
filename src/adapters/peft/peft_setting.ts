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

export const names = z.union([z.array(z.string()).min(1), z.string()]);
export const index = z.int().nonnegative();
/** What adapters of all kinds have. */
export const common = {
  target_modules: names,
  base_model_name_or_path: z.string().nullish(),
  task_type: z.enum(["CAUSAL_LM"]).nullish(),
  fan_in_fan_out: off(z.boolean()),
  modules_to_save: off(z.array(z.string())),
};

/** Which of a module's copies, one a layer, are adapted. */
export const layers = {
  layers_to_transform: off(z.union([z.array(index), index])),
  layers_pattern: off(names),
};
