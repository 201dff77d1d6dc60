/** Shell patterns as fsspec reads them (fsspec/utils.py glob_translate), matched in a time that grows as pattern and path do. */
import { AttuneError } from "../text/errors.ts";

/** What may stand at one place of a name: a character, any, or one of a set. */
type Unit = string | { ranges: readonly (readonly [number, number])[]; isNot: boolean };
/** A component of a pattern: units, with a star's place marked by null; "**" is any number of components. */
type Part = "**" | readonly (Unit | null)[];

const LONGEST = 2000; // UTF-16 units; a path has 1000 at most
const ANY: Unit = { ranges: [], isNot: true };

/** Whether a path, "/" between its parts, is one of those a pattern means. */
export type Glob = (path: string, count?: CountComparisons) => boolean;

/** Called for each comparison; what it throws ends the work. */
export type CountComparisons = (comparisons: number) => void;

/** @throws AttuneError for "**" beside other characters, as fsspec, or a pattern longer than any path. */
export function readGlob(pattern: string): Glob {
  if (pattern.length > LONGEST)
    throw new AttuneError({
      code: "hub.pattern-too-long",
      problem: `the pattern ${JSON.stringify(pattern.slice(0, 60))}… is longer than ${LONGEST} characters`,
    });
  const parts = pattern.split("/").map((part) => readPart(part, pattern));
  return (path, count = () => {}) => matchParts(parts, path.split("/"), count);
}

function readPart(part: string, pattern: string): Part {
  if (part === "**") return "**";
  if (part.includes("**"))
    throw new AttuneError({
      code: "hub.wrong-pattern",
      problem: `the pattern ${JSON.stringify(pattern.slice(0, 60))} has "**" beside other characters`,
    });
  if (part === "*") return [ANY, null]; // a whole name is never empty
  return Array.from(part.matchAll(UNIT), ([text]) => readUnit(text));
}

/** A set, whose first character may be a bracket, or any character. */
const UNIT = /\[(?:![\s\S]|[^!])[^\]]*\]|[\s\S]/gu;

function readUnit(text: string): Unit | null {
  if (text === "*") return null;
  if (text === "?") return ANY;
  if (text.length < 3) return text; // a character
  const isNot = text[1] === "!";
  return { ranges: readRanges(Array.from(text.slice(isNot ? 2 : 1, -1), codePoint)), isNot };
}

const codePoint = (char: string): number => char.codePointAt(0)!;
const HYPHEN = 0x2d;

/** "a-z_": a range, and a character; one whose ends are the wrong way round holds nothing. */
function readRanges(set: readonly number[]): [number, number][] {
  const ranges: [number, number][] = [];
  for (let i = 0; i < set.length; i++) {
    const isRange = set[i + 1] === HYPHEN && i + 2 < set.length;
    ranges.push([set[i]!, set[isRange ? i + 2 : i]!]);
    if (isRange) i += 2;
  }
  return ranges;
}

/** Of several "**" only the last needs a second look: what lies before it fits already. */
function matchParts(parts: readonly Part[], names: readonly string[], count: CountComparisons): boolean {
  let [part, name, star, resume] = [0, 0, -1, 0];
  while (name < names.length) {
    const next = parts[part];
    if (next === "**") {
      if (part === parts.length - 1) return true;
      [star, resume] = [part++, name];
    } else if (next && matchName(next, characters(names[name]!), count)) [part, name] = [part + 1, name + 1];
    else if (star < 0) return false;
    else [part, name] = [star + 1, ++resume];
  }
  return part === parts.length;
}

/** Of a text beyond Unicode's first plane, code points. */
const characters = (name: string): ArrayLike<string> =>
  /[\ud800-\udfff]/.test(name) ? Array.from(name) : name;

/** The same within a name. */
function matchName(
  units: readonly (Unit | null)[],
  chars: ArrayLike<string>,
  count: CountComparisons,
): boolean {
  let [unit, char, star, resume, steps] = [0, 0, -1, 0, 0];
  while (char < chars.length) {
    steps++;
    const next = units[unit];
    if (next === null) [star, resume] = [unit++, char];
    else if (next !== undefined && fits(next, chars[char]!)) [unit, char] = [unit + 1, char + 1];
    else if (star < 0) break;
    else [unit, char] = [star + 1, ++resume];
  }
  count(steps);
  while (char === chars.length && units[unit] === null) unit++;
  return char === chars.length && unit === units.length;
}

function fits(unit: Unit, char: string): boolean {
  if (typeof unit === "string") return unit === char;
  const code = codePoint(char);
  return unit.ranges.some(([from, to]) => code >= from && code <= to) !== unit.isNot;
}
