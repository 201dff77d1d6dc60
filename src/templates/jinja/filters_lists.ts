import { attributeOnly, item } from "./access.ts";
import { integer, isNone, text } from "./arguments.ts";
import { add } from "./arithmetic.ts";
import { COST, charge, chargeList, chargeText } from "./budget.ts";
import { TemplateError } from "./error.ts";
import { hashKey } from "./hash.ts";
import { str } from "./repr.ts";
import {
  compare,
  equal,
  Group,
  iterate,
  lengthOf,
  listOf,
  Markup,
  Stream,
  Thing,
  Tuple,
  textOf,
  truth,
  typeName,
  type Value,
  View,
} from "./value.ts";

type Getter = (value: Value) => Value;

/** `attribute="a.b"`: the way into an item; the item itself when left out. */
export function getter(path: Value, fallback?: Value): Getter {
  if (isNone(path)) return (value) => value;
  const written = textOf(path);
  const steps: Value[] =
    written === undefined
      ? [path]
      : written.split(".").map((step) => (/^\p{Nd}+$/u.test(step) ? Number(step) : step));
  return (value) => {
    let found = value;
    for (const step of steps) {
      charge(COST.node);
      if (found === undefined) throw new TemplateError(`an item has no ${str(path)}`);
      found = item(found, step);
      if (found === undefined && !isNone(fallback)) found = fallback;
    }
    return found;
  };
}

const foldCase = (value: Value): Value =>
  textOf(value) !== undefined ? textOf(value)!.toLowerCase() : value;

function caseKey(caseSensitive: Value, path: Value, fallback?: Value): Getter {
  const get = getter(path, fallback);
  return truth(caseSensitive) ? get : (value) => foldCase(get(value));
}

/** Several paths, "a,b": a list of what they lead to. */
function keysOf(caseSensitive: Value, path: Value): Getter {
  const written = textOf(path);
  const keys = (written === undefined ? [path] : written.split(",")).map((one) =>
    caseKey(caseSensitive, one),
  );
  return (value) => keys.map((key) => key(value));
}

/** Python's sorted(): those that are equal stay in order. */
function sorted(items: Value[], key: Getter, isReversed: boolean): Value[] {
  const keyed = items.map((value) => ({ value, key: key(value) }));
  keyed.sort(isReversed ? (a, b) => compare(b.key, a.key) : (a, b) => compare(a.key, b.key));
  return keyed.map(({ value }) => value);
}

function dictsort(value: Value, caseSensitive: Value, by: Value = "key", reversed: Value = false): Value {
  if (!(value instanceof Map)) throw new TemplateError(`dictsort needs a dict, got ${typeName(value)}`);
  if (by !== "key" && by !== "value") throw new TemplateError("dictsort sorts by key or value");
  const at = by === "key" ? 0 : 1;
  const key: Getter = (entry) => (entry as Tuple)[at];
  chargeList(value.size);
  const entries = Array.from(value, (entry): Value => Tuple.from(entry));
  return sorted(entries, truth(caseSensitive) ? key : (entry) => foldCase(key(entry)), truth(reversed));
}

function groupby(value: Value, path: Value, fallback: Value, caseSensitive: Value): Value {
  const key = caseKey(caseSensitive, path, fallback);
  const groups: { key: Value; items: Value[] }[] = [];
  for (const one of sorted(listOf(value), key, false)) {
    const mine = key(one);
    const group = groups.at(-1);
    if (group && equal(group.key, mine)) group.items.push(one);
    else groups.push({ key: mine, items: [one] });
  }
  const name = getter(path, fallback);
  return groups.map(({ items }): Value => Group.from([name(items[0]), items]) as Group);
}

function* unique(value: Value, caseSensitive: Value, path: Value): Generator<Value> {
  const key = caseKey(caseSensitive, path);
  const seen = new Set<unknown>();
  for (const one of iterate(value)) {
    charge(COST.entry);
    const mine = hashKey(key(one));
    if (seen.has(mine)) continue;
    seen.add(mine);
    yield one;
  }
}

function* batch(value: Value, size: Value, fill: Value): Generator<Value> {
  const by = integer("batch", size);
  let row: Value[] = [];
  for (const one of iterate(value)) {
    charge(COST.entry);
    if (row.length === by) {
      yield row;
      row = [];
    }
    row.push(one);
  }
  if (row.length === 0) return;
  if (!isNone(fill) && row.length < by) {
    chargeList(by);
    while (row.length < by) row.push(fill);
  }
  yield row;
}

/** As many lists as one asks for; the first ones are longer where it can't be even. */
function* sliced(value: Value, slices: Value, fill: Value): Generator<Value> {
  const [items, count] = [listOf(value), integer("slice", slices)];
  if (count === 0) throw new TemplateError("slice: into 0 lists");
  const [size, longer] = [Math.floor(items.length / count), items.length % count];
  let at = 0;
  for (let i = 0; i < count; i++) {
    charge(COST.entry);
    const part = items.slice(at, at + size + (i < longer ? 1 : 0));
    at += part.length;
    if (!isNone(fill) && i >= longer) part.push(fill);
    yield part;
  }
}

function* items(value: Value): Generator<Value> {
  if (value === undefined) return;
  if (!(value instanceof Map)) throw new TemplateError(`items needs a dict, got ${typeName(value)}`);
  yield* new View("items", value);
}

function sum(value: Value, path: Value, start: Value = 0): Value {
  if (textOf(start) !== undefined) throw new TemplateError("sum can't add strings");
  const get = getter(path);
  let total: Value = start;
  for (const one of iterate(value)) total = add(total, get(one));
  return total;
}

/** Of those that are equal, the first. */
const extreme =
  (sign: 1 | -1) =>
  (value: Value, caseSensitive: Value, path: Value): Value => {
    const key = caseKey(caseSensitive, path);
    let best: { value: Value; key: Value } | undefined;
    for (const one of iterate(value)) {
      const mine = key(one);
      if (!best || compare(mine, best.key) * sign < 0) best = { value: one, key: mine };
    }
    return best?.value;
  };

function first(value: Value): Value {
  const next = iterate(value)[Symbol.iterator]().next();
  return next.done ? undefined : next.value;
}

function reversible(value: Value): Value[] {
  if (value instanceof Stream || value instanceof Thing)
    throw new TemplateError(`${typeName(value)} can't be read from its end; put | list before it`);
  return listOf(value);
}

function reverse(value: Value): Value {
  const written = textOf(value);
  if (written !== undefined) {
    const text = listOf(written).reverse().join("");
    return value instanceof Markup ? new Markup(text) : text;
  }
  const all = listOf(value).reverse();
  return value instanceof Stream ? all : new Stream(all[Symbol.iterator]());
}

function join(value: Value, separator: Value = "", path: Value): string {
  const get = getter(path);
  const mark = str(separator);
  const parts: string[] = [];
  for (const one of iterate(value)) {
    const part = str(get(one));
    chargeText(part.length + mark.length + COST.item);
    parts.push(part);
  }
  chargeText(parts.reduce((total, part) => total + part.length + mark.length, 0));
  return parts.join(mark);
}

const fallbackTo = (value: Value, other: Value = "", boolean: Value = false): Value =>
  value === undefined || (truth(boolean) && !truth(value)) ? other : value;

const streamed =
  (run: (value: Value, ...args: Value[]) => Generator<Value>) =>
  (value: Value, ...args: Value[]): Value =>
    new Stream(run(value, ...args));

type Row = readonly [name: string, args: string, run: (value: Value, ...args: Value[]) => Value];

export const LIST_FILTERS: readonly Row[] = [
  ["default", "default_value? boolean?", fallbackTo],
  ["d", "default_value? boolean?", fallbackTo],
  ["length", "", lengthOf],
  ["count", "", lengthOf],
  ["first", "", first],
  ["last", "", (value) => reversible(value).at(-1)],
  ["list", "", listOf],
  ["reverse", "", reverse],
  ["join", "d? attribute?", join],
  [
    "sort",
    "reverse? case_sensitive? attribute?",
    (value, reversed, caseSensitive, path) =>
      sorted(listOf(value), keysOf(caseSensitive, path), truth(reversed)),
  ],
  ["unique", "case_sensitive? attribute?", streamed(unique)],
  ["dictsort", "case_sensitive? by? reverse?", dictsort],
  ["items", "", streamed(items)],
  ["groupby", "attribute default? case_sensitive?", groupby],
  ["batch", "linecount fill_with?", streamed(batch)],
  ["slice", "slices fill_with?", streamed(sliced)],
  ["sum", "attribute? start?", sum],
  ["min", "case_sensitive? attribute?", extreme(1)],
  ["max", "case_sensitive? attribute?", extreme(-1)],
  ["attr", "name", (value, name) => attributeOnly(value, text("attr", name))],
];
