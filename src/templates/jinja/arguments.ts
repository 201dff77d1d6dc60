import { TemplateError } from "./error.ts";
import { intOf, textOf, typeName, type Value } from "./value.ts";

export type Arguments = (positional: readonly Value[], named: ReadonlyMap<string, Value>) => Value[];

/**
 * What a function takes: "old new count?" are two arguments and one that may be left out, "name *" a name and any
 * others. Gives them in that order; those left out are undefined.
 */
export function taking(what: string, written: string): Arguments {
  const names = written.split(" ").filter((name) => name !== "" && name !== "*");
  const known = names.map((name) => name.replace("?", ""));
  const required = names.filter((name) => !name.endsWith("?")).length;
  const takesMore = written.endsWith("*");
  return (positional, named) => {
    if (positional.length > known.length && !takesMore)
      throw new TemplateError(`${what} takes at most ${known.length} arguments, got ${positional.length}`);
    const values: Value[] = [...positional];
    for (const [name, value] of named) {
      const at = known.indexOf(name);
      if (at < positional.length) throw new TemplateError(`${what} takes no argument ${name}`);
      values[at] = value;
    }
    for (let i = positional.length; i < required; i++)
      if (!(i in values)) throw new TemplateError(`${what} needs the argument ${known[i]}`);
    return values;
  };
}

export function text(what: string, value: Value): string {
  const found = textOf(value);
  if (found !== undefined) return found;
  throw new TemplateError(`${what} needs a string, got ${typeName(value)}`);
}

/** An int that a place or a size may be; those beyond have no use. */
export function integer(what: string, value: Value): number {
  const int = intOf(value);
  if (int === undefined) throw new TemplateError(`${what} needs an int, got ${typeName(value)}`);
  return typeof int === "number" ? int : int < 0n ? Number.MIN_SAFE_INTEGER : Number.MAX_SAFE_INTEGER;
}

/** Python's None, or left out. */
export const isNone = (value: Value): value is null | undefined => value === undefined || value === null;
