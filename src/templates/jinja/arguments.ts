import { TemplateError, typeName, type Value } from "./value.ts";

/**
 * Arguments in the order of `names`, some of them given by name; those left out are undefined.
 * @throws TemplateError when there are more, or other ones.
 */
export function take(
  what: string,
  names: readonly string[],
  positional: readonly Value[],
  named: ReadonlyMap<string, Value>,
): Value[] {
  if (positional.length > names.length)
    throw new TemplateError(`${what} takes at most ${names.length} arguments, got ${positional.length}`);
  const values: Value[] = [...positional];
  for (const [name, value] of named) {
    const at = names.indexOf(name);
    if (at < positional.length) throw new TemplateError(`${what} takes no argument ${name}`);
    values[at] = value;
  }
  return values;
}

export function text(what: string, value: Value): string {
  if (typeof value === "string") return value;
  throw new TemplateError(`${what} needs a string, got ${typeName(value)}`);
}

export function integer(what: string, value: Value): number {
  if (typeof value === "number") return value;
  if (typeof value === "boolean") return Number(value);
  throw new TemplateError(`${what} needs an int, got ${typeName(value)}`);
}
