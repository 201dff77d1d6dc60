import { isNone } from "./arguments.ts";
import { chargeList, chargeText } from "./budget.ts";
import { characters, countCharacters, cut } from "./characters.ts";
import { TemplateError } from "./error.ts";
import { intOf, Markup, Range, Tuple, textOf, typeName, type Value } from "./value.ts";

/** Python's object[start:stop:step]. */
export function slice(object: Value, bounds: readonly Value[]): Value {
  const [start, stop, step = 1] = bounds.map(bound);
  if (step === 0) throw new TemplateError("a slice's step can't be 0");
  const text = textOf(object);
  const length = text === undefined ? lengthOf(object) : countCharacters(text);
  const [from, to] = between(length, start, stop, step);
  const count = Math.max(0, Math.ceil((to - from) / step));
  if (text !== undefined) {
    chargeText(count);
    const part =
      step === 1 ? cut(text, from, Math.max(from, to)) : every(characters(text), from, step, count).join("");
    return object instanceof Markup ? new Markup(part) : part;
  }
  if (object instanceof Range) {
    return new Range(object.at(from), object.at(to), object.step * step);
  }
  chargeList(count);
  const items = object as Value[];
  const parts = step === 1 ? items.slice(from, from + count) : every(items, from, step, count);
  return object instanceof Tuple ? Tuple.from(parts) : Array.from(parts);
}

function lengthOf(object: Value): number {
  if (Array.isArray(object) || object instanceof Range) return object.length;
  throw new TemplateError(`${typeName(object)} has no parts`);
}

/** A whole number: what is beyond the ends is the end. */
function bound(value: Value): number | undefined {
  if (isNone(value)) return undefined;
  const int = intOf(value);
  if (int === undefined) throw new TemplateError(`a slice needs whole numbers, got ${typeName(value)}`);
  return Math.max(-(2 ** 40), Math.min(2 ** 40, Number(int)));
}

function between(
  length: number,
  start: number | undefined,
  stop: number | undefined,
  step: number,
): [from: number, to: number] {
  const [low, high] = step > 0 ? [0, length] : [-1, length - 1];
  const place = (at: number) => Math.min(Math.max(at < 0 ? at + length : at, low), high);
  return [
    start === undefined ? (step > 0 ? low : high) : place(start),
    stop === undefined ? (step > 0 ? high : low) : place(stop),
  ];
}

function every<T>(all: ArrayLike<T>, from: number, step: number, count: number): T[] {
  return Array.from({ length: count }, (_, i) => all[from + i * step]!);
}
