/** Strings of JSON Schema's `pattern`, as grammars. */
import type { CharSet } from "../../tokenizers/patterns/char_set.ts";
import { parsePattern } from "../../tokenizers/patterns/parse_pattern.ts";
import type { PatternNode } from "../../tokenizers/patterns/pattern_node.ts";
import { byte, choice, literal, type Rule, repeat, sequence } from "./grammar.ts";
import { character, wideCharacter } from "./json_grammar.ts";

const LONGEST = 2000; // UTF-16 units of a pattern

/**
 * The text between the quotes of a string that `source`, an ECMAScript regular expression, matches. Of the characters that a
 * class has, those of ASCII are written; others where it has them all, or none of ASCII.
 * @param refuse is called with what can't be said as a grammar
 */
export function patternGrammar(source: string, refuse: (why: string) => never): Rule {
  if (source.length > LONGEST) return refuse(`it has more than ${LONGEST} characters`);
  if (!isExpression(source)) return refuse("it is no regular expression");
  if (source.includes("&&")) return refuse("it has &&");
  // Read as Oniguruma's, which differs in what is no expression of ECMAScript, and in characters beyond ASCII.
  const node = parsePattern(source, refuse);
  const ruleOf = ruleReader(namedIn(source), refuse);
  const options = node.kind === "choice" ? node.options : [node];
  return choice(...options.map((option) => anchored(option, ruleOf, refuse)));
}

function isExpression(source: string): boolean {
  try {
    return Boolean(new RegExp(source, "u"));
  } catch {
    return false;
  }
}

/** A pattern is looked for anywhere: what stands before it would be anything, so it has to say that nothing does. */
function anchored(node: PatternNode, ruleOf: (node: PatternNode) => Rule, refuse: (why: string) => never) {
  const parts = node.kind === "sequence" ? node.parts : [node];
  const [first, last] = [parts[0], parts.at(-1)];
  if (first?.kind !== "place" || first.place !== "lineStart")
    return refuse("it has to begin with ^, in each of its choices");
  const isClosed = last?.kind === "place" && last.place === "lineEnd";
  const inner = parts.slice(1, isClosed ? -1 : undefined).map(ruleOf);
  return sequence(...inner, ...(isClosed ? [] : [repeat(character)]));
}

/** Code points that a pattern names, as themselves or by their number. */
function namedIn(source: string): number[] {
  const escapes = source.matchAll(/\\u\{?([0-9a-f]{4,6})/gi);
  const numbers = Array.from(escapes, ([, hex]) => Number.parseInt(hex!, 16));
  return [...new Set([...numbers, ...Array.from(source, (char) => char.codePointAt(0)!)])];
}

function ruleReader(named: readonly number[], refuse: (why: string) => never): (node: PatternNode) => Rule {
  const sets = new Map<string, Rule>();
  const ruleOf = (node: PatternNode): Rule => {
    switch (node.kind) {
      case "set": {
        const rule = sets.get(node.set.key) ?? setRule(node.set);
        sets.set(node.set.key, rule);
        return rule;
      }
      case "sequence":
        return sequence(...node.parts.map(ruleOf));
      case "choice":
        return choice(...node.options.map(ruleOf));
      case "repeat":
        if (node.max === Infinity && mayBeEmpty(node.body)) return refuse("it repeats what may be empty");
        return repeat(ruleOf(node.body), node.min, node.max);
      case "place":
        return refuse("it has ^, $ or an edge of words within");
      default:
        return refuse("it looks ahead or back");
    }
  };
  const setRule = (set: CharSet): Rule => {
    const plain = charactersOf(set, 0x20, 0x7e).filter((code) => !ESCAPED.includes(code));
    const rules = [
      ...(plain.length > 0 ? [byte(...plain.map((code): [number, number] => [code, code]))] : []),
      ...ESCAPED.filter((code) => set.has(code)).map((code) => literal(`\\${String.fromCharCode(code)}`)),
    ];
    if (hasAll(set, 0x80, 0x10ffff)) rules.push(wideCharacter);
    if (rules.length > 0) return choice(...rules);
    const known = named.filter((code) => code > 0x7e && set.has(code)); // all others would take long to look through
    const ends = known.length > 0 ? known : [0xa0, 0x10ffff];
    const wide = charactersOf(set, Math.min(...ends), Math.max(...ends));
    if (wide.length === 0) return refuse("it asks for characters that can't be written");
    return choice(...wide.map((code) => literal(String.fromCodePoint(code))));
  };
  return ruleOf;
}

const ESCAPED = [0x22, 0x5c]; // of JSON's strings: the quote and the backslash
const MOST = 500; // characters that are listed one by one

function charactersOf(set: CharSet, from: number, to: number): number[] {
  const found: number[] = [];
  for (let code = from; code <= to && found.length < MOST; code++)
    if (!isSurrogate(code) && set.has(code)) found.push(code);
  return found;
}

const isSurrogate = (code: number) => code >= 0xd800 && code <= 0xdfff;

function hasAll(set: CharSet, from: number, to: number): boolean {
  for (let code = from; code <= to; code++) if (!set.has(code)) return false;
  return true;
}

function mayBeEmpty(node: PatternNode): boolean {
  switch (node.kind) {
    case "set":
      return false;
    case "sequence":
      return node.parts.every(mayBeEmpty);
    case "choice":
      return node.options.some(mayBeEmpty);
    case "repeat":
      return node.min === 0 || mayBeEmpty(node.body);
    default:
      return true;
  }
}
