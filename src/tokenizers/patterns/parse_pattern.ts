import { caseVariants, foldCase, longFoldIn, longFoldOf } from "./case_folding.ts";
import { type CharSet, complement, union } from "./char_set.ts";
import { ANY, NEW_LINE, WHITE_SPACE } from "./named_sets.ts";
import type { PatternNode, Place } from "./pattern_node.ts";
import { type PatternReader, readPattern } from "./pattern_reader.ts";
import { readClass } from "./read_class.ts";
import { readEscape, single } from "./read_escape.ts";

/** `(?i)`, `(?m)`: the dot matches line ends, `(?x)`: spaces and comments don't count. */
interface Options {
  ignoreCase: boolean;
  dotAll: boolean;
  extended: boolean;
}

interface Context {
  reader: PatternReader;
  options: Options;
  depth: number;
}

const DEEPEST = 100; // groups in groups

/**
 * Reads a pattern in Oniguruma's default syntax, which Hugging Face tokenizers uses
 * (https://github.com/kkos/oniguruma/blob/v6.9.10/doc/RE). Groups don't capture: nothing of a tokenizer asks for them.
 * @param refuse is called with what can't be computed here exactly: what needs captures (backreferences, calls,
 * conditions), callouts, absent groups, \G, \K, \X, and options that change what \w and the like mean.
 */
export function parsePattern(source: string, refuse: (what: string) => never): PatternNode {
  const reader = readPattern(source, refuse);
  const options = { ignoreCase: false, dotAll: false, extended: false };
  const node = parseChoice({ reader, options, depth: 0 });
  if (reader.peek() === ")") return reader.refuse("a group ends that didn't begin");
  return node;
}

/** Up to the `)` or the end, neither of which is read. */
function parseChoice(context: Context): PatternNode {
  if (context.depth > DEEPEST) return context.reader.refuse(`groups are nested more than ${DEEPEST} deep`);
  const options = [parseSequence(context)];
  while (context.reader.take("|")) options.push(parseSequence(context));
  if (options.length === 1) return options[0]!;
  const sets = options.flatMap((option) => (option.kind === "set" ? [option.set] : []));
  return sets.length === options.length ? { kind: "set", set: union(sets) } : { kind: "choice", options };
}

function parseSequence(context: Context): PatternNode {
  const { reader } = context;
  const parts: PatternNode[] = [];
  for (skipUnread(context); !["", "|", ")"].includes(reader.peek()); skipUnread(context)) {
    let part = parsePart(context);
    for (skipUnread(context); startsQuantifier(reader); skipUnread(context))
      part = parseQuantifier(reader, part);
    parts.push(...(part.kind === "sequence" ? part.parts : [part]));
  }
  refuseLongFolds(reader, parts);
  return parts.length === 1 ? parts[0]! : { kind: "sequence", parts };
}

/** Comments, and in `(?x)` white space. */
function skipUnread({ reader, options }: Context): void {
  for (;;) {
    if (reader.take("(?#")) {
      while (reader.peek() !== ")") {
        if (reader.next() === "\\") reader.next();
        if (reader.peek() === "") reader.refuse("a comment has no end");
      }
      reader.next();
    } else if (options.extended && reader.peek() === "#") {
      while (reader.peek() !== "" && reader.next() !== "\n");
    } else if (options.extended && isSpace(reader.peek())) reader.next();
    else return;
  }
}

const isSpace = (char: string) => char !== "" && WHITE_SPACE.has(char.codePointAt(0)!);

/** A letter run in which, without case, several characters may stand for one. */
function refuseLongFolds(reader: PatternReader, parts: readonly PatternNode[]): void {
  const text = parts.map((part) => (part.kind === "set" && part.folded) || "\0").join("");
  const long = longFoldOf(text);
  if (long !== undefined)
    reader.refuse(
      `without case, ${JSON.stringify(long)} may be one character or several, which isn't supported`,
    );
}

function parsePart(context: Context): PatternNode {
  const { reader, options } = context;
  const char = reader.next();
  switch (char) {
    case "(":
      return parseGroup(context);
    case "[":
      return parseClass(context);
    case "\\":
      return parseEscape(context);
    case ".":
      return { kind: "set", set: options.dotAll ? ANY : complement(NEW_LINE) };
    case "^":
      return { kind: "place", place: "lineStart" };
    case "$":
      return { kind: "place", place: "lineEnd" };
    case "*":
    case "+":
    case "?":
      return reader.refuse(`nothing stands before ${char}`);
  }
  if (char === "{" && isInterval(reader)) return reader.refuse("nothing stands before {");
  return literal(char.codePointAt(0)!, options);
}

function literal(codePoint: number, { ignoreCase }: Options): PatternNode {
  if (!ignoreCase) return { kind: "set", set: single(codePoint) };
  return { kind: "set", set: caseVariants(codePoint), folded: String.fromCodePoint(codePoint) };
}

function parseClass({ reader, options }: Context): PatternNode {
  const { content, negated } = readClass(reader);
  const long = options.ignoreCase && !negated ? longFoldIn(content) : undefined;
  if (long !== undefined)
    return reader.refuse(`without case, ${JSON.stringify(long)} of a class may match several characters`);
  const folded = options.ignoreCase ? foldCase(content) : content;
  return { kind: "set", set: negated ? complement(folded) : folded };
}

const PLACE_ESCAPES: Record<string, Place | undefined> = {
  A: "textStart",
  z: "textEnd",
  Z: "lastLineEnd",
  b: "wordEdge",
  B: "noWordEdge",
};

function parseEscape({ reader, options }: Context): PatternNode {
  const read = readEscape(reader, false);
  if (read) return "set" in read ? { kind: "set", set: read.set } : literal(read.char, options);
  const letter = reader.next();
  if (/[1-9GKXkgyY]/.test(letter)) return reader.refuse(`\\${letter} isn't supported`);
  const place = Object.hasOwn(PLACE_ESCAPES, letter) ? PLACE_ESCAPES[letter] : undefined;
  if (place) return { kind: "place", place };
  return letter === "R" ? NEW_LINES : literal(letter.codePointAt(0)!, options);
}

/** `\R`: \r\n, or one character that ends a line. */
const NEW_LINES: PatternNode = {
  kind: "atomic",
  body: {
    kind: "choice",
    options: [
      { kind: "sequence", parts: [0x0d, 0x0a].map((char) => ({ kind: "set", set: single(char) })) },
      { kind: "set", set: lineEnds() },
    ],
  },
};

function lineEnds(): CharSet {
  return union([0x0a, 0x0b, 0x0c, 0x0d, 0x85, 0x2028, 0x2029].map(single));
}

/** The `(` is read. */
function parseGroup(context: Context): PatternNode {
  const { reader } = context;
  if (reader.peek() === "*") return reader.refuse("callouts (*…) aren't supported");
  if (!reader.take("?")) return closeGroup(context);
  if (reader.take(":")) return closeGroup(context);
  if (reader.take(">")) return { kind: "atomic", body: closeGroup(context) };
  for (const [prefix, behind, negative] of LOOKS)
    if (reader.take(prefix)) return { kind: "look", body: closeGroup(context), behind, negative };
  if (reader.match(/<[A-Za-z_]\w*>|'[A-Za-z_]\w*'/y)) return closeGroup(context);
  return parseOptions(context);
}

const LOOKS: [prefix: string, behind: boolean, negative: boolean][] = [
  ["=", false, false],
  ["!", false, true],
  ["<=", true, false],
  ["<!", true, true],
];

function closeGroup(context: Context): PatternNode {
  const body = parseChoice({ ...context, depth: context.depth + 1 });
  if (!context.reader.take(")")) return context.reader.refuse("a group has no end");
  return body;
}

/** `(?i-m:…)` for a group, `(?i-m)` for the rest of the group it stands in, whose later options it takes in, too. */
function parseOptions(context: Context): PatternNode {
  const { reader } = context;
  const found = reader.match(/([imx]*)(?:-([imx]*))?(?=[:)])/y);
  if (!found) return reader.refuse(`the group (?${reader.peek()}… isn't supported`);
  const [, on = "", off = ""] = found;
  const set = (letter: string, before: boolean) => (before || on.includes(letter)) && !off.includes(letter);
  const options: Options = {
    ignoreCase: set("i", context.options.ignoreCase),
    dotAll: set("m", context.options.dotAll),
    extended: set("x", context.options.extended),
  };
  if (reader.next() === ":") return closeGroup({ ...context, options });
  return parseChoice({ ...context, options, depth: context.depth + 1 });
}

const INTERVAL = /\{(?:(\d+)(,?)(\d*)|,(\d+))\}/y;
const LARGEST_INTERVAL = 100_000; // Oniguruma's

function startsQuantifier(reader: PatternReader): boolean {
  return /^[*+?]$/.test(reader.peek()) || (reader.peek() === "{" && isInterval(reader, 0));
}

/** Whether the `{` that stands here, or was just read, begins an interval: elsewhere it is a character. */
function isInterval(reader: PatternReader, ahead = -1): boolean {
  const at = reader.at;
  reader.at += ahead;
  const found = reader.match(INTERVAL);
  reader.at = at;
  return found !== undefined;
}

function parseQuantifier(reader: PatternReader, body: PatternNode): PatternNode {
  if (reader.peek() === "{") return parseInterval(reader, body);
  const sign = reader.next();
  const [min, max] = [sign === "+" ? 1 : 0, sign === "?" ? 1 : Number.POSITIVE_INFINITY];
  const repeat: PatternNode = { kind: "repeat", body, min, max, lazy: reader.take("?") };
  return !repeat.lazy && reader.take("+") ? { kind: "atomic", body: repeat } : repeat;
}

/** Of intervals, `{n}?` may be left out, `{n,m}+` comes several times, and `{m,n}` with m > n is possessive. */
function parseInterval(reader: PatternReader, body: PatternNode): PatternNode {
  const [, low, comma, high, upTo] = reader.match(INTERVAL)!;
  const [from, to] = [Number(low ?? 0), Number(upTo ?? (comma ? high || Number.POSITIVE_INFINITY : low))];
  if (from > LARGEST_INTERVAL || (to !== Number.POSITIVE_INFINITY && to > LARGEST_INTERVAL))
    return reader.refuse(`an interval goes beyond ${LARGEST_INTERVAL}`);
  if (from > to) {
    const repeat: PatternNode = { kind: "repeat", body, min: to, max: from, lazy: false };
    return { kind: "atomic", body: repeat };
  }
  return { kind: "repeat", body, min: from, max: to, lazy: from < to && reader.take("?") };
}
