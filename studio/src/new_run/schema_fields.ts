import type { Recipe } from "../api_types.ts";
import { isObject, valueAt } from "./recipe_keys.ts";

/** What of JSON Schema the recipe's uses. */
export interface JsonSchema {
  type?: string;
  description?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  anyOf?: JsonSchema[];
  oneOf?: JsonSchema[];
}

/** A setting of the form. */
export interface Field {
  /** Dotted, as in the recipe. */
  key: string;
  kind: "number" | "choice" | "switch" | "text";
  choices?: string[];
  /** Whether it can be left out. */
  isOptional: boolean;
  /** What holds when it is left out. */
  standard?: unknown;
  help: string;
  schema: JsonSchema;
}

/** All settings there are; of alternatives, such as adapters, those of the one that the recipe has. */
export function fieldsOf(schema: JsonSchema, recipe: Recipe): Field[] {
  return Object.entries(schema.properties ?? {})
    .filter(([key]) => key !== "data")
    .flatMap(([key, inner]) => fieldsAt(key, inner, recipe, schema.required?.includes(key) ?? false));
}

function fieldsAt(key: string, schema: JsonSchema, recipe: Recipe, isRequired: boolean): Field[] {
  const branches = (schema.anyOf ?? schema.oneOf)?.filter(
    ({ properties }) => properties?.type?.const !== undefined,
  );
  if (branches && branches.length > 1) return alternatives(key, schema, branches, recipe);
  if (schema.properties) return group(key, schema, recipe);
  return [leaf(key, schema, !isRequired)];
}

function alternatives(key: string, schema: JsonSchema, branches: JsonSchema[], recipe: Recipe): Field[] {
  const typeOf = ({ properties }: JsonSchema) => String(properties!.type!.const);
  const standard = isObject(schema.default) ? schema.default.type : undefined;
  const given = valueAt(recipe, `${key}.type`) ?? standard;
  const chosen = branches.find((branch) => typeOf(branch) === given);
  const choice: Field = {
    key: `${key}.type`,
    kind: "choice",
    choices: branches.map(typeOf),
    isOptional: true,
    standard,
    help: schema.description ?? "",
    schema,
  };
  const { type: _, ...others } = chosen?.properties ?? {};
  const inner = Object.entries(others).flatMap(([name, one]) =>
    fieldsAt(`${key}.${name}`, one, recipe, false),
  );
  return [choice, ...inner];
}

/** What an object needs comes first: without it the others mean nothing. */
function group(key: string, schema: JsonSchema, recipe: Recipe): Field[] {
  const needed = schema.required ?? [];
  const isThere = needed.every((name) => valueAt(recipe, `${key}.${name}`) !== undefined);
  return Object.entries(schema.properties!)
    .filter(([name]) => isThere || needed.includes(name))
    .flatMap(([name, inner]) => fieldsAt(`${key}.${name}`, inner, recipe, false));
}

function leaf(key: string, schema: JsonSchema, isOptional: boolean): Field {
  return {
    key,
    isOptional,
    standard: schema.default,
    help: schema.description ?? "",
    schema,
    ...kindOf(schema),
  };
}

function kindOf({ type, enum: choices }: JsonSchema): Pick<Field, "kind" | "choices"> {
  if (choices) return { kind: "choice", choices: choices.map(String) };
  if (type === "number" || type === "integer") return { kind: "number" };
  if (type === "boolean") return { kind: "switch" };
  return { kind: "text" };
}

/** What was typed, as the recipe has it: lists, objects and numbers as JSON, all else as it is. */
export function readTyped({ kind }: Field, typed: string): unknown {
  if (typed.trim() === "") return undefined;
  if (kind === "number") return Number.isNaN(Number(typed)) ? typed : Number(typed);
  if (kind === "switch") return typed === "true";
  if (kind === "choice") return typed;
  try {
    return JSON.parse(typed);
  } catch {
    return typed;
  }
}

export const writeTyped = (value: unknown): string =>
  value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
