/** JSON Schema, as much of it as is listed here, as a grammar of the values that fit it. */

import { describeValue } from "../../text/describe_value.ts";
import { AttuneError } from "../../text/errors.ts";
import { isPlainObject } from "../../text/plain_object.ts";
import { areDisjoint } from "./disjoint.ts";
import { choice, literal, measureRules, type Rule, reference, sequence } from "./grammar.ts";
import * as json from "./json_grammar.ts";
import { integersBetween, numbersBetween } from "./number_range.ts";
import { STRING_FORMATS } from "./string_formats.ts";
import { patternGrammar } from "./string_pattern.ts";

type Schema = Record<string, unknown>;

/** Keys that say nothing of which values fit. */
const NOTES = ["title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly"];
const APART = ["$schema", "$id", "$comment", "$defs", "definitions"];
const BOUNDS = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] as const;
const KEYS: Readonly<Record<string, readonly string[]>> = {
  object: ["properties", "required", "additionalProperties"],
  array: ["items", "prefixItems", "minItems", "maxItems"],
  string: ["minLength", "maxLength", "format", "pattern"],
  integer: BOUNDS,
  number: BOUNDS,
};
const TYPES = ["object", "array", "string", "integer", "number", "boolean", "null"];
const DEPTH = 64;
const SIZE = 20_000; // schemas within a schema, references included
const TEXT = 100_000; // characters of the schema itself

/**
 * The values that fit `schema`; objects have their keys in the schema's order, and none beside them.
 * @throws AttuneError that names the key that isn't supported, or is wrong.
 */
export function schemaGrammar(schema: unknown): Rule {
  const referred = new Map<string, Rule>();
  let size = 0;

  const ruleOf = (given: unknown, place: string, depth: number): Rule => {
    if (given === true) return json.anyValue;
    if (!isObject(given)) throw wrong(place, "an object, or true", given);
    if (depth > DEPTH || ++size > SIZE) throw tooLarge(place);
    const inner = (key: string) => (value: unknown, name: string | number) =>
      ruleOf(value, `${place}/${key}/${name}`, depth + 1);
    if (given.$ref !== undefined) {
      requireOnly(given, ["$ref"], place);
      return refer(given.$ref, place);
    }
    if (given.anyOf !== undefined) {
      requireOnly(given, ["anyOf"], place);
      return choice(...listOf(given.anyOf, `${place}/anyOf`).map(inner("anyOf")));
    }
    if (given.oneOf !== undefined) {
      requireOnly(given, ["oneOf"], place);
      const choices = listOf(given.oneOf, `${place}/oneOf`);
      requireApart(choices.map((one) => target(one, place)));
      return choice(...choices.map(inner("oneOf")));
    }
    if (given.allOf !== undefined) {
      requireOnly(given, ["allOf"], place);
      const [only, ...others] = listOf(given.allOf, `${place}/allOf`);
      if (others.length > 0) throw unsupported(place, "allOf of several");
      return inner("allOf")(only, 0);
    }
    if ("const" in given || "enum" in given) return valuesOf(given, place);
    return choice(...typesOf(given, place).map((type) => typed(type, given, { place, depth })));
  };

  /** What a schema means, where it is a reference. */
  const target = (given: unknown, place: string): unknown => {
    let at = given;
    for (let steps = 0; isObject(at) && typeof at.$ref === "string" && steps < DEPTH; steps++)
      at = valueAt(schema, at.$ref, place);
    return at;
  };
  const requireApart = (choices: readonly unknown[]) => {
    const apart = choices.every((one, i) =>
      choices.slice(i + 1).every((other) => isObject(one) && isObject(other) && areDisjoint(one, other)),
    );
    if (!apart) throw unsupported("#", "oneOf whose choices aren't told apart by type or by a constant key");
  };

  const refer = (pointer: unknown, place: string): Rule => {
    if (typeof pointer !== "string" || !/^#(\/|$)/.test(pointer))
      throw wrong(`${place}/$ref`, "a reference within the schema, such as #/$defs/name", pointer);
    const known = referred.get(pointer);
    if (known) return known;
    const made = reference();
    referred.set(pointer, made);
    made.rule = ruleOf(valueAt(schema, pointer, place), pointer, 0);
    return made;
  };

  const typed = (type: string, given: Schema, at: { place: string; depth: number }): Rule => {
    const { place, depth } = at;
    const inside = (value: unknown, name: string) => ruleOf(value, `${place}/${name}`, depth + 1);
    if (type === "object") return objectOf(given, place, inside);
    if (type === "array") return arrayOf(given, place, inside);
    if (type === "string") return stringOf(given, place);
    if (type === "integer" || type === "number") return numberOf(type, given, place);
    return type === "boolean" ? json.boolean : json.nothing;
  };

  if (JSON.stringify(schema).length > TEXT) throw tooLarge("#");
  const root = ruleOf(schema, "#", 0);
  requireConsuming(root);
  measureRules(root);
  if (root.least < Infinity) return root;
  throw new AttuneError({
    code: "generation.endless-schema",
    place: "json_schema",
    problem: "no value that ends fits it: it contains itself",
  });
}

type Inside = (value: unknown, name: string) => Rule;

/** Items that `prefixItems` names are all there. */
function arrayOf(given: Schema, place: string, inside: Inside): Rule {
  const { items = true, prefixItems = [] } = given;
  const [min, max] = boundsOf(given, ["minItems", "maxItems"], place);
  const first = listOf(prefixItems, `${place}/prefixItems`, 0).slice(0, max);
  const known = first.map((item, i) => inside(item, `prefixItems/${i}`));
  if (items !== false) return json.tuple(known, inside(items, "items"), min, max);
  if (min > known.length) throw wrong(`${place}/minItems`, `at most ${known.length}, as items is false`, min);
  return json.tuple(known, json.nothing, 0, known.length);
}

function stringOf(given: Schema, place: string): Rule {
  const { format, minLength, maxLength, pattern } = given;
  if (pattern !== undefined) return patternOf(given, place);
  if (format === undefined) return json.string(...boundsOf(given, ["minLength", "maxLength"], place));
  const rule = STRING_FORMATS[format as string];
  if (!rule) throw unsupported(place, `the format ${JSON.stringify(format)}`);
  if (minLength !== undefined || maxLength !== undefined) throw unsupported(place, "a length beside format");
  return sequence(literal('"'), rule, literal('"'));
}

/** A `format` beside it is a note: those who write both, such as zod, say the same twice. */
function patternOf({ pattern, minLength, maxLength }: Schema, place: string): Rule {
  if (typeof pattern !== "string") throw wrong(`${place}/pattern`, "a regular expression", pattern);
  if (minLength !== undefined || maxLength !== undefined) throw unsupported(place, "a length beside pattern");
  const rule = patternGrammar(pattern, (why) => {
    throw unsupported(place, "this pattern", why);
  });
  return sequence(literal('"'), rule, literal('"'));
}

function numberOf(type: "integer" | "number", given: Schema, place: string): Rule {
  const wrongKey = BOUNDS.find((key) => given[key] !== undefined && !Number.isFinite(given[key]));
  if (wrongKey) throw wrong(`${place}/${wrongKey}`, "a number", given[wrongKey]);
  if (BOUNDS.every((key) => given[key] === undefined))
    return type === "integer" ? json.integer : json.anyNumber;
  const { minimum = -Infinity, maximum = Infinity } = given as Record<string, number>;
  const { exclusiveMinimum: above = -Infinity, exclusiveMaximum: below = Infinity } = given as Record<
    string,
    number
  >;
  const whole = {
    low: Math.max(Math.ceil(minimum), Math.floor(above) + 1),
    high: Math.min(Math.floor(maximum), Math.ceil(below) - 1),
  };
  const range = { low: Math.max(minimum, above), high: Math.min(maximum, below) };
  const broken = BOUNDS.find((key) => given[key] !== undefined && !Number.isInteger(given[key]));
  if (type === "number" && broken) throw unsupported(place, `${broken} that is no whole number`);
  const rule = type === "integer" ? integersBetween(whole) : numbersBetween(range, whole);
  if (rule) return rule;
  throw wrong(place, "bounds with a number between them", given);
}

function objectOf(given: Schema, place: string, inside: Inside): Rule {
  const { properties = {}, required = [], additionalProperties = true } = given;
  if (!isObject(properties)) throw wrong(`${place}/properties`, "an object", properties);
  const names = listOf(required, `${place}/required`, 0);
  const missing = names.find((name) => typeof name !== "string" || !Object.hasOwn(properties, name));
  if (missing !== undefined) throw wrong(`${place}/required`, "names of the properties", missing);
  // One that nothing fits may only be left out.
  const known = Object.entries(properties).filter(([key, value]) => value !== false || names.includes(key));
  const fields = known.map(([key, value]) => ({
    key,
    value: inside(value, `properties/${key}`),
    isRequired: names.includes(key),
  }));
  if (Object.keys(properties).length > 0 || additionalProperties === false) return json.object(fields);
  return json.record(inside(additionalProperties, "additionalProperties"));
}

/** `const` and `enum`: values as they are written. */
function valuesOf(given: Schema, place: string): Rule {
  requireOnly(given, ["const", "enum", "type"], place);
  if ("const" in given && "enum" in given) throw unsupported(place, "const beside enum");
  const values = "const" in given ? [given.const] : listOf(given.enum, `${place}/enum`);
  const types = given.type === undefined ? undefined : typesOf({ type: given.type }, place);
  const fitting = values.filter((value) => !types || types.some((type) => isOf(value, type)));
  if (fitting.length === 0) throw wrong(`${place}/enum`, `values of the type ${types}`, values);
  return choice(...fitting.map((value) => literal(JSON.stringify(value))));
}

function isOf(value: unknown, type: string): boolean {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "object") return isObject(value);
  if (type === "integer") return Number.isInteger(value);
  return (typeof value as string) === type;
}

/** The types a value may have; their keys are all that may be there. */
function typesOf(given: Schema, place: string): string[] {
  const types = given.type === undefined ? implied(given) : [given.type].flat();
  const unknown = types.find((type) => !TYPES.includes(type as string));
  if (unknown !== undefined || types.length === 0) throw wrong(`${place}/type`, TYPES.join(", "), unknown);
  requireOnly(given, ["type", ...types.flatMap((type) => KEYS[type as string] ?? [])], place);
  return types as string[];
}

/** Without a type: as its keys say, else any. */
function implied(given: Schema): unknown[] {
  const types = Object.entries(KEYS).filter(([, keys]) => keys.some((key) => key in given));
  return types.length > 0 ? types.map(([type]) => type) : TYPES.filter((type) => type !== "integer");
}

function boundsOf(given: Schema, keys: readonly [string, string], place: string): [number, number] {
  const [min, max] = keys.map((key) => {
    const value = given[key];
    if (value === undefined || (Number.isSafeInteger(value) && (value as number) >= 0))
      return value as number | undefined;
    throw wrong(`${place}/${key}`, "a whole number of at least 0", value);
  });
  if ((min ?? 0) > (max ?? Infinity))
    throw wrong(`${place}/${keys[1]}`, `at least ${min}, as ${keys[0]} says`, max);
  return [min ?? 0, max ?? Infinity];
}

/** A JSON pointer's value (RFC 6901). */
function valueAt(schema: unknown, pointer: string, place: string): unknown {
  const steps = pointer.split("/").slice(1);
  const value = steps.reduce<unknown>((inner, step) => {
    const key = decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
    return isObject(inner) && Object.hasOwn(inner, key) ? inner[key] : undefined;
  }, schema);
  if (value === undefined) throw wrong(`${place}/$ref`, "a place in the schema", pointer);
  return value;
}

/** A reference that leads to itself without a byte between would be looked up for ever. */
function requireConsuming(root: Rule, open = new Set<Rule>(), done = new Set<Rule>()): void {
  if (done.has(root)) return;
  if (open.has(root))
    throw new AttuneError({
      code: "generation.circular-schema",
      place: "json_schema",
      problem: "a $ref leads back to itself",
    });
  open.add(root);
  const parts = root.kind === "choice" ? root.choices : root.kind === "reference" ? [root.rule!] : [];
  for (const part of parts) requireConsuming(part, open, done);
  open.delete(root);
  done.add(root);
  const inner = root.kind === "sequence" ? root.parts : root.kind === "repeat" ? [root.item] : [];
  for (const part of inner) requireConsuming(part, new Set(), done);
}

const isObject = (value: unknown): value is Schema => isPlainObject(value);

function listOf(value: unknown, place: string, least = 1): unknown[] {
  if (Array.isArray(value) && value.length >= least) return value;
  throw wrong(place, "a list", value);
}

function requireOnly(given: Schema, keys: readonly string[], place: string): void {
  const other = Object.keys(given).find((key) => ![...keys, ...NOTES, ...APART].includes(key));
  if (other !== undefined) throw unsupported(place, other);
}

const unsupported = (place: string, key: string, why?: string) =>
  new AttuneError({
    code: "generation.unsupported-schema",
    place: `json_schema ${place}`,
    problem: `${key} is not supported here${why === undefined ? "" : `: ${why}`}`,
    expected:
      "type, properties, required, additionalProperties, items, prefixItems, minItems, maxItems, minLength, maxLength, format, pattern, minimum, maximum, exclusiveMinimum, exclusiveMaximum, enum, const, anyOf, oneOf, allOf of one, $ref",
  });

const wrong = (place: string, expected: string, got: unknown) =>
  new AttuneError({
    code: "generation.wrong-schema",
    place: `json_schema ${place}`,
    expected,
    got: describeValue(got),
  });

const tooLarge = (place: string) =>
  new AttuneError({
    code: "generation.large-schema",
    place: `json_schema ${place}`,
    problem: `it has more than ${TEXT} characters or ${SIZE} parts, or more than ${DEPTH} within each other`,
  });
