import { isPlainObject } from "../../text/plain_object.ts";

type Schema = Record<string, unknown>;

/**
 * Whether no value can fit both schemas, as far as that is plain: they are of other types, or objects told apart by a
 * key that both require, with other values.
 */
export function areDisjoint(one: Schema, other: Schema): boolean {
  const [types, others] = [typesOf(one), typesOf(other)];
  if (types && others && !types.some((type) => others.includes(type))) return true;
  const values = valuesOf(one);
  const otherValues = valuesOf(other);
  if (values && otherValues && haveNoneInCommon(values, otherValues)) return true;
  return sharedKeys(one, other).some((key) => areDisjoint(propertyOf(one, key), propertyOf(other, key)));
}

/** Their names; a whole number is a number. */
function typesOf({ type }: Schema): unknown[] | undefined {
  if (type === undefined) return undefined;
  return [type].flat().map((name) => (name === "integer" ? "number" : name));
}

function valuesOf(schema: Schema): string[] | undefined {
  if ("const" in schema) return [JSON.stringify(schema.const)];
  return Array.isArray(schema.enum) ? schema.enum.map((value) => JSON.stringify(value)) : undefined;
}

const haveNoneInCommon = (some: readonly string[], others: readonly string[]) =>
  !some.some((value) => others.includes(value));

/** Keys that objects of both kinds must have. */
function sharedKeys(one: Schema, other: Schema): string[] {
  if (one.type !== "object" || other.type !== "object") return [];
  const required = (schema: Schema) => (Array.isArray(schema.required) ? schema.required : []);
  return required(one).filter(
    (key) =>
      required(other).includes(key) &&
      isPlainObject(propertyOf(one, key)) &&
      isPlainObject(propertyOf(other, key)),
  );
}

const propertyOf = ({ properties }: Schema, key: string): Schema =>
  (isPlainObject(properties) && Object.hasOwn(properties, key) ? properties[key] : undefined) as Schema;
