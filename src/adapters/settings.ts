/** Settings of adapters, each said once: it is the type, a recipe's key with its reference, and a key of PEFT's file. */
import * as z from "zod";

export interface Setting<
  T extends z.ZodType = z.ZodType,
  R extends z.ZodType | undefined = z.ZodType | undefined,
> {
  /** What it may be. */
  value: T;
  /** As a key of a recipe, with default and description; nothing where only files say it. */
  recipe: R;
  /** Every config has it. */
  required: boolean;
  /** Its key in PEFT's file; its name in snake_case when left out. */
  key?: string;
  /** What a finished adapter's file may say, where that is something else. */
  file?: z.ZodType;
  /** Whether false or what is empty says something; else it means that the setting is off, as null always does. */
  keepsOff?: boolean;
}

export type Settings = Readonly<Record<string, Setting>>;

type More = Pick<Setting, "key" | "file" | "keepsOff">;

/** A setting that is off when left out. */
export const optional = <T extends z.ZodType>(value: T, about: string, more: More = {}) => ({
  ...more,
  value,
  recipe: value.optional().describe(about),
  required: false as const,
});

/** A setting that has a value when left out. */
export const usual = <T extends z.ZodType>(
  value: T,
  fallback: z.output<T>,
  about: string,
  more: More = {},
) => ({
  ...more,
  value,
  recipe: value.default(fallback as never).describe(about),
  required: true as const,
});

/** A setting that a recipe fills in, and that a file may leave to PEFT. */
export const usualInRecipes = <T extends z.ZodType>(value: T, fallback: z.output<T>, about: string) => ({
  ...usual(value, fallback, about, { keepsOff: true }),
  required: false as const,
});

/** A setting of files, which no recipe has. */
export const ofFiles = <T extends z.ZodType>(value: T) => ({
  value,
  recipe: undefined,
  required: false as const,
});

type Required<S extends Settings> = { [K in keyof S]: S[K] extends { required: true } ? K : never }[keyof S];
type InRecipes<S extends Settings> = {
  [K in keyof S]: S[K]["recipe"] extends z.ZodType ? K : never;
}[keyof S];
type Flat<T> = { [K in keyof T]: T[K] };

/** The settings of an adapter of this kind. */
export type ConfigOf<Type extends string, S extends Settings> = Flat<
  { type: Type } & { [K in Required<S>]: z.output<S[K]["value"]> } & {
    [K in Exclude<keyof S, Required<S>>]?: z.output<S[K]["value"]>;
  }
>;

type Shape<S extends Settings> = { [K in InRecipes<S>]: Extract<S[K]["recipe"], z.ZodType> };

/** A fresh adapter in a recipe; `more` are keys that are no setting of the adapter itself. */
export function recipeSchema<
  Type extends string,
  S extends Settings,
  M extends z.ZodRawShape = Record<never, never>,
>(type: Type, settings: S, about: string, more: M = {} as M) {
  const own = Object.entries(settings).flatMap(([name, { recipe }]) => (recipe ? [[name, recipe]] : []));
  const shape = Object.fromEntries(own) as Shape<S>;
  return z.strictObject({ type: z.literal(type), ...shape, ...more }).describe(about);
}

/** The key of a setting in PEFT's file. */
export const peftKey = (name: string, { key }: Setting): string =>
  key ?? name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

export const nonEmptyText = z.string().min(1);
const index = z.int().nonnegative();
const indices = z.array(index).min(1);
export const names = z.union([z.array(nonEmptyText).min(1), nonEmptyText]);
export const rank = z.int().positive().max(65_536);
export const flag = z.boolean();
const share = z.number().min(0).lt(1);

export const dropoutSetting = (key: string) =>
  usual(share, 0, "Dropout of the terms' inputs while training.", { key });
export const targetModules = (about: string) => usualInRecipes(names, "all-linear", about);
/** The same where parameters may have terms, too, and modules none. */
export const targetModulesOrNone = (about: string) =>
  usualInRecipes(z.union([z.array(nonEmptyText), nonEmptyText]), "all-linear", about);
export const excludeModules = optional(
  names,
  "Targeted modules that get no adapter after all; as targetModules.",
);
export const targetParameters = optional(
  z.array(nonEmptyText),
  "Parameters of mixtures' experts, by how their names end: mlp.experts.gate_up_proj, mlp.experts.down_proj. Each expert gets a term of its own.",
);
export const layersToTransform = optional(z.union([indices, index]), "Only the layers of these numbers.");
export const layersPattern = optional(
  names,
  "Where the model keeps its layers, for layersToTransform: layers, h.",
);
export const bias = <const T extends string>(ofAdapted: T) =>
  optional(z.enum(["none", "all", ofAdapted]), "Biases trained as well: all, or those of adapted layers.");
export const modulesToSave = optional(
  z.array(nonEmptyText).min(1),
  "Modules trained whole and kept in the adapter: all whose name ends so, as embed_tokens, lm_head, norm.",
);
export const trainableTokenIndices = optional(
  z.union([indices, z.record(nonEmptyText, indices)]),
  "Tokens whose rows of the embedding are trained, as new special tokens.",
);
/** The base keeps its weights as [in, out]: PEFT notes it, and the base's family knows it. */
export const fanInFanOut = ofFiles(flag);
