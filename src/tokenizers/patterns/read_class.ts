import { type CharSet, complement, intersection, range, union } from "./char_set.ts";
import { posixSet } from "./named_sets.ts";
import type { PatternReader } from "./pattern_reader.ts";
import { readEscape, single } from "./read_escape.ts";

/** What a class holds, before its `^`: that one turns over what case folding has added, too. */
export interface CharClass {
  content: CharSet;
  negated: boolean;
}

const DEEPEST = 50;

/** Reads a class up to its `]`; the `[` is read. Classes in classes and intersections (`&&`) as Oniguruma has them. */
export function readClass(reader: PatternReader, depth = 1): CharClass {
  if (depth > DEEPEST) return reader.refuse(`classes are nested more than ${DEEPEST} deep`);
  const negated = reader.take("^");
  const operands: CharSet[] = [];
  let parts: CharSet[] = [];
  let last: Last = { kind: "start" };
  if (reader.peek() === "]" && closesLater(reader)) {
    reader.next();
    last = addChar(parts, 0x5d);
  }
  while (!reader.take("]")) {
    if (reader.peek() === "") return reader.refuse("a class has no end");
    if (reader.take("&&")) {
      operands.push(union(parts));
      [parts, last] = [[], { kind: "start" }];
    } else last = readPart(reader, parts, last, depth);
  }
  operands.push(union(parts));
  if (operands.length === 1 && parts.length === 0) return reader.refuse("a class is empty");
  return { content: intersection(operands), negated };
}

/** What was read last decides what a hyphen means. */
type Last = { kind: "start" | "set" | "range" } | { kind: "char"; char: number };

/** A `]` at the start is a character, if another one closes the class. */
function closesLater(reader: PatternReader): boolean {
  for (let ahead = 1; reader.peek(ahead) !== ""; ahead++) {
    if (reader.peek(ahead) === "]") return true;
    if (reader.peek(ahead) === "\\") ahead++;
  }
  return false;
}

function addChar(parts: CharSet[], char: number): Last {
  parts.push(single(char));
  return { kind: "char", char };
}

function addSet(parts: CharSet[], set: CharSet): Last {
  parts.push(set);
  return { kind: "set" };
}

function readPart(reader: PatternReader, parts: CharSet[], last: Last, depth: number): Last {
  if (reader.peek() === "-" && reader.peek(1) !== "]") {
    if (last.kind === "char") return readRange(reader, parts, last.char);
    if (last.kind === "set") return reader.refuse("a hyphen stands behind a set of characters in a class");
    if (last.kind === "range" && reader.peek(1) === "-") return reader.refuse("a class has hyphens in a row");
  }
  const part = readElement(reader, depth);
  if ("set" in part) return addSet(parts, part.set);
  const added = addChar(parts, part.char);
  return last.kind === "range" && part.char === 0x2d ? { kind: "range" } : added;
}

function readRange(reader: PatternReader, parts: CharSet[], from: number): Last {
  reader.next();
  if (reader.peek() === "[" || (reader.peek() === "&" && reader.peek(1) === "&"))
    return reader.refuse("a range in a class has no end");
  const to = readElement(reader, DEEPEST);
  if ("set" in to) return reader.refuse("a range in a class ends with a set of characters");
  if (to.char < from) return reader.refuse("a range in a class is empty");
  parts.push(range(from, to.char));
  return { kind: "range" };
}

function readElement(reader: PatternReader, depth: number): { char: number } | { set: CharSet } {
  if (reader.peek() === "[") return { set: readNested(reader, depth) };
  if (!reader.take("\\"))
    return { char: reader.next().codePointAt(0) ?? reader.refuse("a class has no end") };
  if (reader.take("b")) return { char: 8 };
  const read = readEscape(reader, true);
  if (read) return read;
  if (/[89]/.test(reader.peek())) return reader.refuse(`the escape \\${reader.peek()} can't be read`);
  return { char: reader.next().codePointAt(0)! };
}

function readNested(reader: PatternReader, depth: number): CharSet {
  const posix = reader.match(/\[:(\^?)(\w+):\]/y);
  if (posix) {
    const set = posixSet(posix[2]!);
    if (!set) return reader.refuse(`the POSIX bracket ${posix[0]} isn't known`);
    return posix[1] ? complement(set) : set;
  }
  if (reader.peek(1) === ":") return reader.refuse("a POSIX bracket can't be read");
  reader.next();
  const { content, negated } = readClass(reader, depth + 1);
  return negated ? complement(content) : content;
}
