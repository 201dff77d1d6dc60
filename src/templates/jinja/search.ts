/**
 * Where one text is in another, in bounded time: JavaScript's own search takes the product of the two lengths where many
 * places nearly match.
 */

import { charge } from "./budget.ts";

const SHORT = 16; // characters a pattern may have for the product to be little

/** @returns -1 where it isn't. */
export function indexIn(text: string, pattern: string, from = 0): number {
  if (isShort(text, pattern)) return text.indexOf(pattern, from);
  for (const at of placesOf(text, pattern, from)) return at;
  return -1;
}

export function lastIndexIn(text: string, pattern: string): number {
  if (isShort(text, pattern)) return text.lastIndexOf(pattern);
  let last = -1;
  for (const at of placesOf(text, pattern, 0)) last = at;
  return last;
}

/** `text.split(pattern)`, for a pattern that isn't empty. */
export function splitAt(text: string, pattern: string): string[] {
  if (isShort(text, pattern)) return text.split(pattern);
  const parts: string[] = [];
  let start = 0;
  for (const at of placesOf(text, pattern, 0)) {
    if (at < start) continue;
    parts.push(text.slice(start, at));
    start = at + pattern.length;
  }
  return [...parts, text.slice(start)];
}

function isShort(text: string, pattern: string): boolean {
  charge(text.length);
  return pattern.length <= SHORT || pattern.length > text.length;
}

/** All places, those that overlap too (Knuth, Morris and Pratt 1977). */
function* placesOf(text: string, pattern: string, from: number): Generator<number> {
  charge(4 * (text.length + pattern.length));
  const borders = bordersOf(pattern);
  let matched = 0;
  for (let at = from; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    while (matched > 0 && unit !== pattern.charCodeAt(matched)) matched = borders[matched - 1]!;
    if (unit === pattern.charCodeAt(matched)) matched++;
    if (matched < pattern.length) continue;
    yield at - matched + 1;
    matched = borders[matched - 1]!;
  }
}

/** For each beginning of the pattern, how much of its own beginning it ends with. */
function bordersOf(pattern: string): Int32Array {
  const borders = new Int32Array(pattern.length);
  let matched = 0;
  for (let at = 1; at < pattern.length; at++) {
    while (matched > 0 && pattern.charCodeAt(at) !== pattern.charCodeAt(matched))
      matched = borders[matched - 1]!;
    if (pattern.charCodeAt(at) === pattern.charCodeAt(matched)) matched++;
    borders[at] = matched;
  }
  return borders;
}
