import { integer, taking } from "./arguments.ts";
import { TemplateError } from "./error.ts";
import { dictOf } from "./hash.ts";
import { Cycler } from "./loop.ts";
import { type Callable, iterate, Namespace, Range, textOf, type Value } from "./value.ts";

const MAX_RANGE = 100_000; // jinja2.sandbox.MAX_RANGE

function range(...bounds: Value[]): Value {
  const [first = 0, last, by = 1] = bounds.map((bound) => integer("range()", bound));
  const [start, stop] = last === undefined ? [0, first] : [first, last];
  if (by === 0) throw new TemplateError("range(): the step can't be 0");
  const made = new Range(start, stop, by);
  if (made.length > MAX_RANGE) throw new TemplateError(`range too big: at most ${MAX_RANGE} numbers`);
  return made;
}

/** `joiner(", ")`: nothing the first time it is called, then the text. */
function joiner(separator: Value = ", "): Callable {
  let isUsed = false;
  return () => {
    const text = isUsed ? separator : "";
    isUsed = true;
    return text;
  };
}

const dict: Callable = (positional, named) => dictOf([...pairs(positional), ...named]);

function pairs(positional: Value[]): [Value, Value][] {
  const [value] = positional;
  if (positional.length > 1) throw new TemplateError("a dict is made of one argument and names");
  if (positional.length === 0) return [];
  if (value instanceof Map) return [...value];
  return Array.from(iterate(value), (pair): [Value, Value] => {
    const [key, item, ...others] = iterate(pair);
    if (item === undefined || others.length > 0) throw new TemplateError("a dict is made of pairs");
    return [key, item];
  });
}

const namespace: Callable = (positional, named) => {
  const values = new Map<string, Value>();
  for (const [key, value] of dict(positional, named) as Map<Value, Value>) {
    const name = textOf(key);
    if (name !== undefined) values.set(name, value);
  }
  return new Namespace(values);
};

const withNames =
  (what: string, args: string, run: (...args: Value[]) => Value): Callable =>
  (positional, named) =>
    run(...taking(what, args)(positional, named));

/** jinja2's own global functions. */
export const GLOBALS: ReadonlyMap<string, Value> = new Map<string, Value>([
  ["range", withNames("range()", "start stop? step?", range)],
  ["namespace", namespace],
  ["dict", dict],
  ["joiner", withNames("joiner()", "sep?", joiner)],
  ["cycler", (positional) => new Cycler(positional)],
  [
    "lipsum",
    () => {
      throw new TemplateError("lipsum() isn't supported: it is another text each time");
    },
  ],
]);
