/** Python's textwrap.wrap, with tabs and white space as they are. */

import { charge } from "./budget.ts";
import { countCharacters, cut } from "./characters.ts";
import { TemplateError } from "./error.ts";
import { strip } from "./strip.ts";

interface Wrapping {
  width: number;
  breakLongWords: boolean;
  breakOnHyphens: boolean;
}

const [WORD, LETTER, SPACE, NO_SPACE] = [
  "[\\p{L}\\p{N}_]",
  "(?:(?!\\p{Nd})[\\p{L}\\p{N}_])",
  "[\\t-\\r ]",
  "[^\\t-\\r ]",
];
const PUNCTUATED = `[\\p{L}\\p{N}_!"'&.,?]`;
/** White space; a dash between words; a word, up to a hyphen, its end or a dash. */
const PARTS = new RegExp(
  `${SPACE}+|(?<=${PUNCTUATED})-{2,}(?=${WORD})|${NO_SPACE}+?(?:-(?:(?<=${LETTER}{2}-)|(?<=${LETTER}-${LETTER}-))(?=${LETTER}-?${LETTER})|(?=${SPACE}|$)|(?<=${PUNCTUATED})(?=-{2,}${WORD}))`,
  "gu",
);
const SIMPLE_PARTS = new RegExp(`${SPACE}+|${NO_SPACE}+`, "gu");

export function wrapWords(text: string, settings: Wrapping): string[] {
  const { width, breakOnHyphens } = settings;
  if (width <= 0) throw new TemplateError("wordwrap: the width has to be above 0");
  charge(text.length * 16);
  const parts = (text.match(breakOnHyphens ? PARTS : SIMPLE_PARTS) ?? []).reverse();
  const lines: string[] = [];
  while (parts.length > 0) {
    if (isBlank(parts.at(-1)!) && lines.length > 0) parts.pop();
    const line: string[] = [];
    let length = 0;
    while (parts.length > 0 && length + countCharacters(parts.at(-1)!) <= width) {
      length += countCharacters(parts.at(-1)!);
      line.push(parts.pop()!);
    }
    if (parts.length > 0 && countCharacters(parts.at(-1)!) > width)
      breakWord(parts, line, width - length, settings);
    if (line.length > 0 && isBlank(line.at(-1)!)) line.pop();
    if (line.length > 0) lines.push(line.join(""));
  }
  return lines;
}

const isBlank = (part: string): boolean => strip(part, undefined) === "";

/** Puts what fits of a word that fits on no line. */
function breakWord(
  parts: string[],
  line: string[],
  room: number,
  { breakLongWords, breakOnHyphens }: Wrapping,
): void {
  const word = parts.at(-1)!;
  charge(word.length);
  if (!breakLongWords) {
    if (line.length === 0) line.push(parts.pop()!);
    return;
  }
  const start = cut(word, 0, room);
  const hyphen = breakOnHyphens ? start.lastIndexOf("-") : -1;
  const kept = hyphen > 0 && /[^-]/.test(word.slice(0, hyphen)) ? word.slice(0, hyphen + 1) : start;
  line.push(kept);
  parts[parts.length - 1] = word.slice(kept.length);
}
