/** Python's strings are code points; JavaScript's are UTF-16 units. */

import { charge } from "./budget.ts";

const SURROGATE = /[\ud800-\udfff]/;

const isWide = (text: string): boolean => {
  charge(text.length >> 3);
  if (!SURROGATE.test(text)) return false;
  charge(text.length * 4);
  return true;
};

/** The text itself where its characters are its units. */
export const characters = (text: string): string | string[] => (isWide(text) ? Array.from(text) : text);

export function countCharacters(text: string): number {
  if (!isWide(text)) return text.length;
  let count = 0;
  for (let at = 0; at < text.length; at = after(text, at)) count++;
  return count;
}

/** The characters from `start` to before `end`, which are places in the text. */
export function cut(text: string, start: number, end = Number.POSITIVE_INFINITY): string {
  if (!isWide(text)) return text.slice(start, end);
  const from = unitAt(text, start);
  return text.slice(from, from + unitAt(text.slice(from), Math.max(0, end - start)));
}

/** Where the character of this place begins, in units. */
function unitAt(text: string, place: number): number {
  let at = 0;
  for (let left = place; left > 0 && at < text.length; left--) at = after(text, at);
  return at;
}

const after = (text: string, at: number): number => at + (text.codePointAt(at)! > 0xffff ? 2 : 1);

/** Inside a character class: what Python's `\s` and str.strip() mean. */
export const WHITE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const IS_WHITE = new RegExp(`[${WHITE}]`);

export const isWhite = (char: string): boolean => IS_WHITE.test(char);

/** A regular expression would try at every white space of the text. */
export function stripEnd(text: string, isStripped: (char: string) => boolean = isWhite): string {
  let end = text.length;
  while (end > 0 && isStripped(text[end - 1]!)) end--;
  return text.slice(0, end);
}

export function stripStart(text: string, isStripped: (char: string) => boolean = isWhite): string {
  let start = 0;
  while (start < text.length && isStripped(text[start]!)) start++;
  return text.slice(start);
}

const LINE_BREAKS = "\\n\\r\\v\\f\\x1c-\\x1e\\x85\\u2028\\u2029";
const LINE_BREAK = new RegExp(`\\r\\n|[${LINE_BREAKS}]`, "g");

/** Python's str.splitlines(). */
export function splitLines(text: string, keepEnds = false): string[] {
  charge(text.length);
  const lines: string[] = [];
  let start = 0;
  for (const found of text.matchAll(LINE_BREAK)) {
    const end = found.index + found[0].length;
    lines.push(text.slice(start, keepEnds ? end : found.index));
    start = end;
  }
  if (start < text.length) lines.push(text.slice(start));
  return lines;
}

/** The first character in title case, the others in lower case. */
export function capitalize(text: string): string {
  const first = String.fromCodePoint(text.codePointAt(0) ?? 0);
  return text === "" ? "" : titleCase(first) + text.slice(first.length).toLowerCase();
}

/** One character's: ǆ becomes ǅ, ß becomes Ss. */
export function titleCase(char: string): string {
  const digraph = "Ǆǅǆ Ǉǈǉ Ǌǋǌ Ǳǲǳ".split(" ").find((three) => three.includes(char));
  if (digraph) return digraph[1]!;
  const [first = "", ...rest] = Array.from(char.toUpperCase());
  return first + rest.join("").toLowerCase();
}
