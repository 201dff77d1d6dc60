import { integer, take, text } from "./arguments.ts";
import { type JsonFormat, toJson } from "./json.ts";
import { capitalize, item, replace, sorted, splitLines, strip } from "./methods.ts";
import { isTrue, testNamed } from "./tests.ts";
import {
  checkSize,
  equal,
  Float,
  iterate,
  lengthOf,
  numberOf,
  str,
  TemplateError,
  Tuple,
  truth,
  typeName,
  type Value,
} from "./value.ts";

export type Filter = (value: Value, positional: Value[], named: Map<string, Value>) => Value;

/** A filter whose arguments have names. */
const withNames =
  (name: string, names: string[], run: (value: Value, ...args: Value[]) => Value): Filter =>
  (value, positional, named) =>
    run(value, ...take(`the filter ${name}`, names, positional, named));

/** `attribute="a.b"`: the way into an item; the item itself when left out. */
function getter(path: Value, fallback?: Value): (value: Value) => Value {
  if (path === undefined || path === null) return (value) => value;
  const steps = str(path)
    .split(".")
    .map((step) => (/^\d+$/.test(step) ? Number(step) : step));
  return (value) => {
    const found = steps.reduce<Value>((object, step) => {
      if (object === undefined && fallback === undefined)
        throw new TemplateError(`there is no ${str(path)} in an item`);
      return object === undefined ? undefined : item(object, step);
    }, value);
    return found ?? (found === undefined ? fallback : found);
  };
}

const foldCase = (value: Value): Value => (typeof value === "string" ? value.toLowerCase() : value);
const caseKey = (caseSensitive: Value, path: Value) => {
  const get = getter(path);
  return (value: Value) => (truth(caseSensitive) ? get(value) : foldCase(get(value)));
};

function select(keep: boolean, attribute: boolean): Filter {
  return (value, positional) => {
    const get = attribute ? getter(positional[0]) : (same: Value) => same;
    const [name, argument] = attribute ? positional.slice(1) : positional;
    const test = name === undefined ? isTrue : testNamed(str(name));
    return iterate(value).filter((one) => test(get(one), argument) === keep);
  };
}

const map: Filter = (value, positional, named) => {
  if (named.has("attribute")) return iterate(value).map(getter(named.get("attribute"), named.get("default")));
  const [name, ...rest] = positional;
  const filter = filterNamed(str(name));
  return iterate(value).map((one) => filter(one, rest, named));
};

function json(value: Value, ensureAscii: Value, indent: Value, separators: Value, sortKeys: Value): string {
  const format: JsonFormat = {
    ensureAscii: truth(ensureAscii),
    separators: [indent === undefined || indent === null ? ", " : ",", ": "],
    sortKeys: truth(sortKeys),
  };
  if (typeof indent === "string") format.indent = indent;
  else if (indent !== undefined && indent !== null)
    format.indent = " ".repeat(Math.min(100, Math.max(0, integer("indent", indent))));
  if (separators !== undefined && separators !== null) {
    const [between, after] = iterate(separators);
    format.separators = [text("separators", between), text("separators", after)];
  }
  return toJson(value, format);
}

function indent(value: Value, width: Value = 4, first: Value = false, blank: Value = false): string {
  const by =
    typeof width === "string" ? width : " ".repeat(Math.min(1000, Math.max(0, integer("indent", width))));
  const lines = splitLines(`${str(value)}\n`);
  checkSize(lines.length * by.length);
  const rest = lines.slice(1).map((line) => (line || truth(blank) ? by + line : line));
  return (truth(first) ? by : "") + [lines[0] ?? "", ...rest].join("\n");
}

function int(value: Value, fallback: Value = 0): Value {
  const number = numberOf(value);
  if (number !== undefined) return Math.trunc(number);
  const digits = typeof value === "string" ? strip(value, undefined).replaceAll("_", "") : "";
  if (!/^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/.test(digits)) return fallback;
  return Math.trunc(Number(digits));
}

function float(value: Value, fallback: Value = new Float(0)): Value {
  const number = numberOf(value);
  if (number !== undefined) return new Float(number);
  const digits = typeof value === "string" ? strip(value, undefined) : "";
  return /^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/.test(digits) ? new Float(Number(digits)) : fallback;
}

function round(value: Value, precision: Value = 0, method: Value = "common"): Value {
  const [number, factor] = [numberOf(value), 10 ** integer("round", precision)];
  if (number === undefined) throw new TemplateError(`${typeName(value)} can't be rounded`);
  if (method === "ceil") return new Float(Math.ceil(number * factor) / factor);
  if (method === "floor") return new Float(Math.floor(number * factor) / factor);
  const scaled = number * factor;
  const nearest = Math.round(scaled);
  const even = Math.abs(scaled % 1) === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
  return new Float(even / factor);
}

function first(value: Value): Value {
  return iterate(value)[0];
}

function reverse(value: Value): Value {
  return typeof value === "string" ? Array.from(value).reverse().join("") : [...iterate(value)].reverse();
}

function join(value: Value, separator: Value = "", path: Value): string {
  return iterate(value).map(getter(path)).map(str).join(str(separator));
}

function unique(value: Value, caseSensitive: Value, path: Value): Value {
  const key = caseKey(caseSensitive, path);
  const seen: Value[] = [];
  return iterate(value).filter((one) => {
    const mine = key(one);
    if (seen.some((other) => equal(other, mine))) return false;
    seen.push(mine);
    return true;
  });
}

function dictsort(value: Value, caseSensitive: Value, by: Value = "key", reversed: Value): Value {
  if (!(value instanceof Map)) throw new TemplateError(`dictsort needs a dict, got ${typeName(value)}`);
  const entries = Array.from(value, (entry): Value => Tuple.from(entry));
  const order = sorted(entries, caseKey(caseSensitive, by === "value" ? "1" : "0"));
  return truth(reversed) ? order.reverse() : order;
}

function sort(value: Value, reversed: Value, caseSensitive: Value, path: Value): Value {
  const key = caseKey(caseSensitive, path);
  if (!truth(reversed)) return sorted(iterate(value), key);
  return sorted([...iterate(value)].reverse(), key).reverse(); // equal ones stay in order
}

function groupby(value: Value, path: Value): Value {
  const groups: { key: Value; items: Value[] }[] = [];
  const key = caseKey(false, path);
  for (const one of sorted(iterate(value), key)) {
    const mine = key(one);
    const group = groups.at(-1);
    if (group && equal(group.key, mine)) group.items.push(one);
    else groups.push({ key: mine, items: [one] });
  }
  return groups.map(({ items }) => Tuple.from([getter(path)(items[0]), items]));
}

function batch(value: Value, size: Value, fill: Value): Value {
  const [items, by] = [iterate(value), Math.max(1, integer("batch", size))];
  const rows: Value[][] = [];
  for (let at = 0; at < items.length; at += by) rows.push(items.slice(at, at + by));
  const last = rows.at(-1);
  if (last && fill !== undefined) {
    checkSize(by);
    while (last.length < by) last.push(fill);
  }
  return rows;
}

function sum(value: Value, path: Value, start: Value = 0): Value {
  const numbers = iterate(value).map(getter(path));
  const total = numbers.reduce<number>(
    (all, one) => all + (numberOf(one) ?? Number.NaN),
    numberOf(start) ?? 0,
  );
  if (Number.isNaN(total)) throw new TemplateError("the sum of what is no number");
  return numbers.some((one) => one instanceof Float) ? new Float(total) : total;
}

const extreme = (of: (order: Value[]) => Value) => (value: Value, caseSensitive: Value, path: Value) =>
  of(sorted(iterate(value), caseKey(caseSensitive, path)));

const HTML: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "'": "&#39;", '"': "&#34;" };
const escapeHtml = (value: Value) => str(value).replace(/[&<>'"]/g, (char) => HTML[char]!);

const titleWord = (word: string) => word.slice(0, 1).toUpperCase() + word.slice(1).toLowerCase();
const fallback = (value: Value, other: Value = "", boolean: Value = false): Value =>
  value === undefined || (truth(boolean) && !truth(value)) ? other : value;
const length = (value: Value) => lengthOf(value);

/** https://jinja.palletsprojects.com/en/stable/templates/#list-of-builtin-filters, those templates use. */
const FILTERS: ReadonlyMap<string, Filter> = new Map<string, Filter>([
  ["tojson", withNames("tojson", ["ensure_ascii", "indent", "separators", "sort_keys"], json)],
  ["default", withNames("default", ["default_value", "boolean"], fallback)],
  ["d", withNames("default", ["default_value", "boolean"], fallback)],
  ["trim", withNames("trim", ["chars"], (value, chars) => strip(str(value), chars))],
  ["length", withNames("length", [], length)],
  ["count", withNames("count", [], length)],
  ["string", withNames("string", [], str)],
  ["safe", withNames("safe", [], str)],
  ["escape", withNames("escape", [], escapeHtml)],
  ["e", withNames("escape", [], escapeHtml)],
  ["upper", withNames("upper", [], (value) => str(value).toUpperCase())],
  ["lower", withNames("lower", [], (value) => str(value).toLowerCase())],
  ["capitalize", withNames("capitalize", [], (value) => capitalize(str(value)))],
  [
    "title",
    withNames("title", [], (value) =>
      str(value)
        .split(/([-\s({[<]+)/)
        .map(titleWord)
        .join(""),
    ),
  ],
  ["replace", withNames("replace", ["old", "new", "count"], (value, ...args) => replace(str(value), args))],
  ["indent", withNames("indent", ["width", "first", "blank"], indent)],
  ["wordcount", withNames("wordcount", [], (value) => str(value).match(/[\p{L}\p{N}_]+/gu)?.length ?? 0)],
  ["int", withNames("int", ["default", "base"], int)],
  ["float", withNames("float", ["default"], float)],
  ["round", withNames("round", ["precision", "method"], round)],
  [
    "abs",
    withNames("abs", [], (value) =>
      value instanceof Float ? new Float(Math.abs(value.value)) : Math.abs(integer("abs", value)),
    ),
  ],
  ["first", withNames("first", [], first)],
  ["last", withNames("last", [], (value) => iterate(value).at(-1))],
  ["list", withNames("list", [], (value) => [...iterate(value)])],
  ["reverse", withNames("reverse", [], reverse)],
  ["join", withNames("join", ["d", "attribute"], join)],
  ["sort", withNames("sort", ["reverse", "case_sensitive", "attribute"], sort)],
  ["unique", withNames("unique", ["case_sensitive", "attribute"], unique)],
  ["dictsort", withNames("dictsort", ["case_sensitive", "by", "reverse"], dictsort)],
  [
    "items",
    withNames("items", [], (value) => {
      if (value === undefined) return [];
      if (!(value instanceof Map)) throw new TemplateError(`items needs a dict, got ${typeName(value)}`);
      return Array.from(value, (entry) => Tuple.from(entry));
    }),
  ],
  ["groupby", withNames("groupby", ["attribute"], groupby)],
  ["batch", withNames("batch", ["linecount", "fill_with"], batch)],
  ["sum", withNames("sum", ["attribute", "start"], sum)],
  [
    "min",
    withNames(
      "min",
      ["case_sensitive", "attribute"],
      extreme((order) => order[0]),
    ),
  ],
  [
    "max",
    withNames(
      "max",
      ["case_sensitive", "attribute"],
      extreme((order) => order.at(-1)),
    ),
  ],
  ["attr", withNames("attr", ["name"], (value, name) => item(value, name))],
  ["map", map],
  ["select", select(true, false)],
  ["reject", select(false, false)],
  ["selectattr", select(true, true)],
  ["rejectattr", select(false, true)],
  [
    "format",
    (value, positional, named) =>
      percentFormat(str(value), named.size > 0 ? new Map(named) : Tuple.from(positional)),
  ],
]);

export function filterNamed(name: string): Filter {
  const filter = FILTERS.get(name);
  if (!filter) throw new TemplateError(`there is no filter named ${name}`);
  return filter;
}

/** Python's `format % arguments` with %s, %d, %r and %f. */
export function percentFormat(format: string, argument: Value): string {
  const list = argument instanceof Tuple ? argument : [argument];
  let next = 0;
  const written = format.replace(/%(?:\((\w+)\))?(?:\.(\d+))?([%sdrf]|.)/gs, (whole, name, digits, kind) => {
    if (kind === "%") return "%";
    const value =
      name === undefined ? list[next++] : argument instanceof Map ? argument.get(name) : undefined;
    if (name === undefined && next > list.length) throw new TemplateError("not enough values for a format");
    if (kind === "s") return str(value);
    if (kind === "d") return String(int(value));
    if (kind === "f") return (numberOf(value) ?? 0).toFixed(Math.min(20, Number(digits ?? 6)));
    throw new TemplateError(`the format ${whole} isn't supported`);
  });
  if (next < list.length && !(argument instanceof Map))
    throw new TemplateError("too many values for a format");
  return written;
}
