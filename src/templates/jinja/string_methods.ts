import { type Arguments, integer, isNone, taking, text } from "./arguments.ts";
import { COST, charge, chargeList, chargeText } from "./budget.ts";
import { capitalize, countCharacters, cut, splitLines, WHITE } from "./characters.ts";
import { TemplateError } from "./error.ts";
import { getValue, hasKey } from "./hash.ts";
import { escapeHtml } from "./html.ts";
import { indexIn, lastIndexIn, splitAt } from "./search.ts";
import { STRING_TESTS } from "./string_tests.ts";
import { strip } from "./strip.ts";
import { type Callable, intOf, iterate, Markup, Tuple, truth, type Value } from "./value.ts";

type Method = (self: string, ...args: Value[]) => Value;

/** A method of Python's str; undefined where there is none of that name. */
export function stringMethod(self: string | Markup, name: string): Callable | undefined {
  const found = METHODS.get(name);
  if (!found) return undefined;
  const { bind, run } = found;
  const own = self instanceof Markup ? self.text : self;
  return (positional, named) => {
    charge(own.length >> (QUICK.has(name) ? 8 : 1));
    const args = bind(positional, named);
    return self instanceof Markup ? marked(run(own, ...escaped(name, args))) : run(own, ...args);
  };
}

const QUICK = new Set(["startswith", "endswith", "removeprefix", "removesuffix"]);

/** Texts that are made of HTML are HTML; what is put in is escaped. */
function marked(value: Value): Value {
  if (typeof value === "string") return new Markup(value);
  return Array.isArray(value) ? (value.map(marked) as Value[]) : value;
}

function escaped(name: string, args: Value[]): Value[] {
  if (name === "join") return [Array.from(iterate(args[0]), escapeHtml)];
  const put = name === "replace" || ["ljust", "rjust", "center"].includes(name) ? args[1] : undefined;
  return put === undefined ? args : args.with(1, escapeHtml(put));
}

export function replace(self: string, from: Value, to: Value, count: Value): string {
  const [old, replacement] = [text("replace()", from), text("replace()", to)];
  const most = count === undefined ? -1 : integer("replace()", count);
  if (old === "") chargeList(self.length);
  const parts = old === "" ? ["", ...self, ""] : splitAt(self, old);
  const found = Math.min(parts.length - 1, most < 0 ? Number.POSITIVE_INFINITY : most);
  chargeText(self.length + found * replacement.length + parts.length);
  if (found === parts.length - 1) return parts.join(replacement);
  return parts.slice(0, found).concat(parts.slice(found).join(old)).join(replacement);
}

const WORD = new RegExp(`[^${WHITE}]+`, "g");

function split(self: string, separator: Value, limit: Value): string[] {
  const most = limitOf(limit);
  if (!isNone(separator)) {
    const mark = nonEmpty(separator);
    const parts = splitAt(self, mark);
    if (parts.length - 1 <= most) return listed(parts);
    return listed([...parts.slice(0, most), parts.slice(most).join(mark)]);
  }
  const words: string[] = [];
  for (const word of self.matchAll(WORD)) {
    if (words.length < most) words.push(word[0]);
    else return listed([...words, self.slice(word.index)]);
  }
  return listed(words);
}

function rsplit(self: string, separator: Value, limit: Value): string[] {
  const most = limitOf(limit);
  if (!isNone(separator)) {
    const mark = nonEmpty(separator);
    const parts = mark.length === 1 ? splitAt(self, mark) : partsFromEnd(self, mark);
    const over = parts.length - 1 - most;
    return listed(over <= 0 ? parts : [parts.slice(0, over + 1).join(mark), ...parts.slice(over + 1)]);
  }
  const words = [...self.matchAll(WORD)];
  const over = words.length - most;
  if (over <= 0) return listed(words.map(([word]) => word));
  const first = words[over - 1]!;
  const head = self.slice(0, first.index + first[0].length);
  return listed([head, ...words.slice(over).map(([word]) => word)]);
}

/** Where separators overlap, it matters from which end one looks. */
function partsFromEnd(self: string, mark: string): string[] {
  return splitAt(reversed(self), reversed(mark)).map(reversed).reverse();
}

/** By units, and back again. */
function reversed(text: string): string {
  chargeText(8 * text.length);
  return text.split("").reverse().join("");
}

const limitOf = (limit: Value): number => {
  const most = limit === undefined ? -1 : integer("split()", limit);
  return most < 0 ? Number.POSITIVE_INFINITY : most;
};

function nonEmpty(separator: Value): string {
  const found = text("a separator", separator);
  if (found === "") throw new TemplateError("a separator is empty");
  return found;
}

function listed(parts: string[]): string[] {
  chargeList(parts.length);
  return parts;
}

/** The part of the text from `start` to before `end`, and where it begins; undefined beyond the text's end. */
function section(self: string, start: Value, end: Value): { part: string; at: number } | undefined {
  if (isNone(start) && isNone(end)) return { part: self, at: 0 };
  const length = countCharacters(self);
  const place = (value: Value, otherwise: number) => {
    if (isNone(value)) return otherwise;
    const at = integer("a place", value);
    return at < 0 ? Math.max(0, at + length) : at;
  };
  const [from, to] = [place(start, 0), Math.min(length, place(end, length))];
  return from > length || from > to ? undefined : { part: cut(self, from, to), at: from };
}

function find(self: string, [part, start, end]: Value[], from: "first" | "last"): number {
  const wanted = text("find()", part);
  const where = section(self, start, end);
  if (!where) return -1;
  const at = from === "first" ? indexIn(where.part, wanted) : lastIndexIn(where.part, wanted);
  return at < 0 ? -1 : where.at + countCharacters(where.part.slice(0, at));
}

function index(self: string, args: Value[], from: "first" | "last"): number {
  const at = find(self, args, from);
  if (at < 0) throw new TemplateError("index(): the text isn't there");
  return at;
}

function count(self: string, part: Value, start: Value, end: Value): number {
  const where = section(self, start, end);
  const wanted = text("count()", part);
  if (!where) return 0;
  return wanted === "" ? countCharacters(where.part) + 1 : splitAt(where.part, wanted).length - 1;
}

function affixed(self: string, [affix, start, end]: Value[], side: "startsWith" | "endsWith"): boolean {
  const where = section(self, start, end);
  const affixes = affix instanceof Tuple ? Array.from(affix) : [affix];
  return affixes.some((one) => {
    const wanted = text(`${side.toLowerCase()}()`, one);
    return where?.part[side](wanted);
  });
}

function pad(self: string, [width, fill]: Value[], place: "left" | "right" | "both"): string {
  const wanted = integer("width", width);
  const missing = Math.max(0, wanted - countCharacters(self));
  const char = fill === undefined ? " " : text("fill", fill);
  if (countCharacters(char) !== 1) throw new TemplateError("a text is filled up with one character");
  chargeText(self.length + missing);
  const half = (missing >> 1) + (missing & wanted & 1);
  const before = { left: 0, right: missing, both: half }[place];
  return char.repeat(before) + self + char.repeat(missing - before);
}

function zeroFill(self: string, width: Value): string {
  const sign = /^[-+]?/.exec(self)![0];
  const missing = Math.max(0, integer("zfill()", width) - countCharacters(self));
  chargeText(self.length + missing);
  return sign + "0".repeat(missing) + self.slice(sign.length);
}

function partition(self: string, separator: Value, side: "first" | "last"): Value {
  const mark = nonEmpty(separator);
  const at = side === "first" ? indexIn(self, mark) : lastIndexIn(self, mark);
  if (at < 0) return Tuple.from(side === "first" ? [self, "", ""] : ["", "", self]);
  return Tuple.from([self.slice(0, at), mark, self.slice(at + mark.length)]);
}

function join(self: string, items: Value): string {
  const parts = Array.from(iterate(items), (part) => text("join()", part));
  chargeText(parts.reduce((sum, part) => sum + part.length + self.length, 0));
  return parts.join(self);
}

/** A letter after one is small, any other large. */
const title = (self: string): string => self.replace(/\p{Cased}[\p{Cased}]*/gu, capitalize);

function swapCase(self: string): string {
  return self.replace(/\p{Cased}/gu, (char) =>
    /\p{Lowercase}/u.test(char) ? char.toUpperCase() : char.toLowerCase(),
  );
}

/** Of what takes its time with each character. */
function slowly(self: string): string {
  charge(self.length * COST.character);
  return self;
}

function expandTabs(self: string, size: Value = 8): string {
  slowly(self);
  const width = integer("expandtabs()", size);
  let column = 0;
  return self.replace(/\t|[\n\r]|[^\t\n\r]+/g, (part) => {
    if (part === "\n" || part === "\r") column = 0;
    if (part !== "\t") {
      if (part !== "\n" && part !== "\r") column += countCharacters(part);
      return part;
    }
    const blanks = width > 0 ? width - (column % width) : 0;
    column += blanks;
    chargeText(blanks);
    return " ".repeat(blanks);
  });
}

/** By a dict from code points to texts, code points or None. */
function translate(self: string, table: Value): string {
  if (!(table instanceof Map)) throw new TemplateError("translate() needs a dict");
  slowly(self);
  return Array.from(self, (char) => {
    const code = char.codePointAt(0)!;
    const to = hasKey(table, code) ? getValue(table, code) : char;
    const number = intOf(to);
    const text = typeof number === "number" ? String.fromCodePoint(number) : to === null ? "" : String(to);
    chargeText(text.length);
    return text;
  }).join("");
}

const METHODS: ReadonlyMap<string, { bind: Arguments; run: Method }> = new Map(
  (
    [
      ["upper", "", (self) => self.toUpperCase()],
      ["lower", "", (self) => self.toLowerCase()],
      ["casefold", "", (self) => self.toLowerCase().replaceAll("ß", "ss").replaceAll("ς", "σ")],
      ["capitalize", "", capitalize],
      ["title", "", (self) => title(slowly(self))],
      ["swapcase", "", (self) => swapCase(slowly(self))],
      ["strip", "chars?", (self, chars) => strip(self, chars)],
      ["lstrip", "chars?", (self, chars) => strip(self, chars, "left")],
      ["rstrip", "chars?", (self, chars) => strip(self, chars, "right")],
      ["split", "sep? maxsplit?", split],
      ["rsplit", "sep? maxsplit?", rsplit],
      ["splitlines", "keepends?", (self, keep) => listed(splitLines(self, truth(keep)))],
      ["startswith", "prefix start? end?", (self, ...args) => affixed(self, args, "startsWith")],
      ["endswith", "suffix start? end?", (self, ...args) => affixed(self, args, "endsWith")],
      [
        "removeprefix",
        "prefix",
        (self, prefix) => {
          const affix = text("removeprefix()", prefix);
          return self.startsWith(affix) ? self.slice(affix.length) : self;
        },
      ],
      [
        "removesuffix",
        "suffix",
        (self, suffix) => {
          const affix = text("removesuffix()", suffix);
          return self.endsWith(affix) ? self.slice(0, self.length - affix.length) : self;
        },
      ],
      ["replace", "old new count?", replace],
      ["find", "sub start? end?", (self, ...args) => find(self, args, "first")],
      ["rfind", "sub start? end?", (self, ...args) => find(self, args, "last")],
      ["index", "sub start? end?", (self, ...args) => index(self, args, "first")],
      ["rindex", "sub start? end?", (self, ...args) => index(self, args, "last")],
      ["count", "sub start? end?", count],
      ["join", "iterable", join],
      ["partition", "sep", (self, separator) => partition(self, separator, "first")],
      ["rpartition", "sep", (self, separator) => partition(self, separator, "last")],
      ["zfill", "width", zeroFill],
      ["ljust", "width fill?", (self, ...args) => pad(self, args, "left")],
      ["rjust", "width fill?", (self, ...args) => pad(self, args, "right")],
      ["center", "width fill?", (self, ...args) => pad(self, args, "both")],
      ["expandtabs", "tabsize?", expandTabs],
      ["translate", "table", translate],
      ...STRING_TESTS.map(([name, test]): [string, string, Method] => [name, "", test]),
    ] as [string, string, Method][]
  ).map(([name, args, run]) => [name, { bind: taking(`${name}()`, args), run }]),
);
