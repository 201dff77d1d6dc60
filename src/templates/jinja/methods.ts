import { integer, take, text } from "./arguments.ts";
import {
  type Callable,
  characters,
  checkSize,
  compare,
  equal,
  iterate,
  Namespace,
  numberOf,
  str,
  TemplateError,
  Tuple,
  typeName,
  type Value,
} from "./value.ts";

/** `object.name`: a method first, then an entry. What changes an object is missing, as in jinja2's sandbox. */
export function attribute(object: Value, name: string): Value {
  if (object instanceof Map) return method(DICT, object, name) ?? object.get(name);
  if (object instanceof Namespace) return object.get(name);
  return otherMethod(object, name);
}

/** `object[key]`: an entry first, then a method. */
export function item(object: Value, key: Value): Value {
  if (object instanceof Map) return object.has(key) ? object.get(key) : method(DICT, object, str(key));
  if (object instanceof Namespace) return typeof key === "string" ? object.get(key) : undefined;
  const index = numberOf(key);
  if (index === undefined) return typeof key === "string" ? otherMethod(object, key) : undefined;
  if (typeof object === "string")
    return Array.isArray(characters(object)) ? Array.from(object).at(index) : object.at(index);
  return Array.isArray(object) ? object.at(index) : undefined;
}

/** Python's object[start:stop:step]. */
export function slice(object: Value, [start, stop, step = 1]: (number | undefined)[]): Value {
  if (typeof object !== "string" && !Array.isArray(object))
    throw new TemplateError(`${typeName(object)} has no parts`);
  if (step === 0) throw new TemplateError("a slice's step can't be 0");
  const all = typeof object === "string" ? characters(object) : object;
  const [low, high] = step > 0 ? [0, all.length] : [-1, all.length - 1];
  const bound = (at: number) => Math.min(Math.max(at < 0 ? at + all.length : at, low), high);
  const [from, to] = [
    start === undefined ? (step > 0 ? low : high) : bound(start),
    stop === undefined ? (step > 0 ? high : low) : bound(stop),
  ];
  if (step === 1 && typeof all === "string") return all.slice(from, to);
  const parts: Value[] = [];
  for (let i = from; step > 0 ? i < to : i > to; i += step) parts.push(all[i]);
  if (typeof object === "string") return parts.join("");
  return object instanceof Tuple ? Tuple.from(parts) : parts;
}

type Method<T> = [names: string[], run: (self: T, ...args: Value[]) => Value];

function method<T>(methods: ReadonlyMap<string, Method<T>>, self: T, name: string): Callable | undefined {
  const found = methods.get(name);
  if (!found) return undefined;
  const [names, run] = found;
  return (positional, named) => run(self, ...take(`${name}()`, names, positional, named));
}

function otherMethod(object: Value, name: string): Value {
  if (typeof object === "string") {
    if (name === "format") return (positional, named) => format(object, positional, named);
    return method(STRING, object, name);
  }
  return Array.isArray(object) ? method(LIST, object, name) : undefined;
}

const DICT = new Map<string, Method<Map<Value, Value>>>([
  ["get", [["key", "default"], (self, key, fallback = null) => (self.has(key) ? self.get(key) : fallback)]],
  ["items", [[], (self) => Array.from(self, (entry) => Tuple.from(entry))]],
  ["keys", [[], (self) => [...self.keys()]]],
  ["values", [[], (self) => [...self.values()]]],
  ["copy", [[], (self) => new Map(self)]],
]);

const LIST = new Map<string, Method<Value[]>>([
  ["count", [["value"], (self, value) => self.filter((other) => equal(other, value)).length]],
  [
    "index",
    [
      ["value"],
      (self, value) => {
        const at = self.findIndex((other) => equal(other, value));
        if (at < 0) throw new TemplateError("index(): it isn't in the list");
        return at;
      },
    ],
  ],
  ["copy", [[], (self) => [...self]]],
]);

const SPACES = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const LEADING_SPACES = new RegExp(`^${SPACES}+`);
const TRAILING_SPACES = new RegExp(`${SPACES}+$`);
const ANY_SPACES = new RegExp(`${SPACES}+`);

/** Python's strip, on either side or both. */
export function strip(self: string, chars: Value, sides: "both" | "left" | "right" = "both"): string {
  if (chars === undefined || chars === null) {
    const left = sides === "right" ? self : self.replace(LEADING_SPACES, "");
    return sides === "left" ? left : stripEndSpaces(left);
  }
  const set = new Set(text("strip()", chars));
  const all = characters(self);
  let [start, end] = [0, all.length];
  if (sides !== "right") while (start < end && set.has(all[start]!)) start++;
  if (sides !== "left") while (end > start && set.has(all[end - 1]!)) end--;
  return typeof all === "string" ? all.slice(start, end) : all.slice(start, end).join("");
}

/** A regular expression would try at every space of the text. */
function stripEndSpaces(self: string): string {
  let end = self.length;
  while (end > 0 && TRAILING_SPACES.test(self[end - 1]!)) end--;
  return self.slice(0, end);
}

function split(self: string, separator: Value, limit: Value): string[] {
  const most = limit === undefined ? -1 : integer("split()", limit);
  if (separator === undefined || separator === null) {
    const words: string[] = [];
    let rest = strip(self, undefined, "left");
    while (rest !== "") {
      const space = words.length === most ? undefined : ANY_SPACES.exec(rest);
      words.push(
        space ? rest.slice(0, space.index) : words.length === most ? rest : strip(rest, undefined, "right"),
      );
      rest = space ? rest.slice(space.index + space[0].length) : "";
    }
    return words;
  }
  const parts = self.split(nonEmpty(separator));
  return most < 0 || parts.length <= most
    ? parts
    : [...parts.slice(0, most), parts.slice(most).join(separator as string)];
}

function rsplit(self: string, separator: Value, limit: Value): string[] {
  const most = limit === undefined ? -1 : integer("rsplit()", limit);
  if (separator === undefined || separator === null) {
    if (most < 0) return split(self, undefined, undefined);
    return split(Array.from(self).reverse().join(""), undefined, most)
      .map((word) => Array.from(word).reverse().join(""))
      .reverse();
  }
  const parts = self.split(nonEmpty(separator));
  const cut = parts.length - most;
  return most < 0 || cut <= 1 ? parts : [parts.slice(0, cut).join(separator as string), ...parts.slice(cut)];
}

function nonEmpty(separator: Value): string {
  const found = text("split()", separator);
  if (found === "") throw new TemplateError("split(): the separator is empty");
  return found;
}

const LINE_BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029";
const LINE_BREAK = new RegExp(`\r\n|[${LINE_BREAKS}]`);

export function splitLines(self: string): string[] {
  const lines = self.split(LINE_BREAK);
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

function affixed(what: string, test: (affix: string) => boolean, affixes: Value): boolean {
  return (Array.isArray(affixes) ? affixes : [affixes]).some((affix) => test(text(what, affix)));
}

export function replace(self: string, [from, to, count]: Value[]): string {
  const [old, replacement] = [text("replace()", from), text("replace()", to)];
  const most = count === undefined || count === null ? -1 : integer("replace()", count);
  const found =
    old === "" ? characters(self).length + 1 : (self.length - self.replaceAll(old, "").length) / old.length;
  checkSize(self.length + found * replacement.length);
  if (most < 0) return self.replaceAll(old, () => replacement);
  let left = most;
  return self.replaceAll(old, (same) => (left-- > 0 ? replacement : same));
}

export function capitalize(self: string): string {
  const [first = "", ...rest] = Array.from(self);
  return first.toUpperCase() + rest.join("").toLowerCase();
}

function find(self: string, part: string, from: "start" | "end"): number {
  const at = from === "start" ? self.indexOf(part) : self.lastIndexOf(part);
  return at < 0 ? at : characters(self.slice(0, at)).length;
}

function pad(self: string, width: Value, fill: Value, place: "left" | "right" | "both"): string {
  const missing = Math.max(0, integer("width", width) - characters(self).length);
  checkSize(missing);
  const char = fill === undefined ? " " : text("fill", fill);
  const before = { left: 0, right: missing, both: Math.floor(missing / 2) }[place];
  return char.repeat(before) + self + char.repeat(missing - before);
}

function partition(self: string, separator: Value, at: number): Value {
  const mark = nonEmpty(separator);
  return Tuple.from([self.slice(0, at), mark, self.slice(at + mark.length)]);
}

const every = (pattern: RegExp): Method<string> => [[], (self) => pattern.test(self)];

const STRING = new Map<string, Method<string>>([
  ["upper", [[], (self) => self.toUpperCase()]],
  ["lower", [[], (self) => self.toLowerCase()]],
  ["casefold", [[], (self) => self.toLowerCase()]],
  ["capitalize", [[], capitalize]],
  ["title", [[], (self) => self.replace(/\p{L}+/gu, capitalize)]],
  ["strip", [["chars"], (self, chars) => strip(self, chars)]],
  ["lstrip", [["chars"], (self, chars) => strip(self, chars, "left")]],
  ["rstrip", [["chars"], (self, chars) => strip(self, chars, "right")]],
  ["split", [["sep", "maxsplit"], (self, separator, limit) => split(self, separator, limit)]],
  ["rsplit", [["sep", "maxsplit"], (self, separator, limit) => rsplit(self, separator, limit)]],
  ["splitlines", [[], splitLines]],
  ["startswith", [["prefix"], (self, prefix) => affixed("startswith()", (p) => self.startsWith(p), prefix)]],
  ["endswith", [["suffix"], (self, suffix) => affixed("endswith()", (s) => self.endsWith(s), suffix)]],
  [
    "removeprefix",
    [["prefix"], (self, prefix) => (self.startsWith(str(prefix)) ? self.slice(str(prefix).length) : self)],
  ],
  [
    "removesuffix",
    [
      ["suffix"],
      (self, suffix) =>
        str(suffix) !== "" && self.endsWith(str(suffix)) ? self.slice(0, -str(suffix).length) : self,
    ],
  ],
  ["replace", [["old", "new", "count"], (self, ...args) => replace(self, args)]],
  ["find", [["sub"], (self, part) => find(self, text("find()", part), "start")]],
  ["rfind", [["sub"], (self, part) => find(self, text("rfind()", part), "end")]],
  [
    "index",
    [
      ["sub"],
      (self, part) => {
        const at = find(self, text("index()", part), "start");
        if (at < 0) throw new TemplateError("index(): the text isn't there");
        return at;
      },
    ],
  ],
  ["count", [["sub"], (self, part) => self.split(nonEmpty(part)).length - 1]],
  [
    "join",
    [
      ["items"],
      (self, items) =>
        iterate(items)
          .map((part) => text("join()", part))
          .join(self),
    ],
  ],
  [
    "partition",
    [
      ["sep"],
      (self, separator) => {
        const at = self.indexOf(nonEmpty(separator));
        return at < 0 ? Tuple.from([self, "", ""]) : partition(self, separator, at);
      },
    ],
  ],
  [
    "rpartition",
    [
      ["sep"],
      (self, separator) => {
        const at = self.lastIndexOf(nonEmpty(separator));
        return at < 0 ? Tuple.from(["", "", self]) : partition(self, separator, at);
      },
    ],
  ],
  [
    "zfill",
    [
      ["width"],
      (self, width) => /^[-+]?/.exec(self)![0] + pad(self.replace(/^[-+]/, ""), width, "0", "right"),
    ],
  ],
  ["ljust", [["width", "fill"], (self, width, fill) => pad(self, width, fill, "left")]],
  ["rjust", [["width", "fill"], (self, width, fill) => pad(self, width, fill, "right")]],
  ["center", [["width", "fill"], (self, width, fill) => pad(self, width, fill, "both")]],
  ["isdigit", every(/^\p{Nd}+$/u)],
  ["isnumeric", every(/^\p{N}+$/u)],
  ["isdecimal", every(/^\p{Nd}+$/u)],
  ["isalpha", every(/^\p{L}+$/u)],
  ["isalnum", every(/^[\p{L}\p{N}]+$/u)],
  ["isspace", [[], (self) => self !== "" && strip(self, undefined) === ""]],
  ["isupper", [[], (self) => self === self.toUpperCase() && self !== self.toLowerCase()]],
  ["islower", [[], (self) => self === self.toLowerCase() && self !== self.toUpperCase()]],
]);

/** Python's str.format, without format specifications, of values and not of what is in them. */
function format(self: string, positional: Value[], named: Map<string, Value>): string {
  let next = 0;
  return self.replace(/\{\{|\}\}|\{([^{}]*)\}/g, (whole, field?: string) => {
    if (field === undefined) return whole[0]!;
    if (!/^\w*$/.test(field)) throw new TemplateError(`format(): {${field}} isn't supported`);
    if (field !== "" && !/^\d+$/.test(field)) {
      if (!named.has(field)) throw new TemplateError(`format(): there is no ${field}`);
      return str(named.get(field));
    }
    const index = field === "" ? next++ : Number(field);
    if (index >= positional.length) throw new TemplateError(`format(): there is no argument ${index}`);
    return str(positional[index]);
  });
}

export const sorted = (items: Value[], key: (item: Value) => Value): Value[] =>
  items
    .map((value) => ({ value, key: key(value) }))
    .sort((a, b) => compare(a.key, b.key))
    .map(({ value }) => value);
