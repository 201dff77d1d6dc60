import { AttuneError } from "../../text/errors.ts";

/** Text with places for a row's values: literal text, or the path of a column. */
export type Pattern = readonly (string | { path: string })[];

/** Characters a text may have that was made of a row: V8's strings end at 2^29. */
export const FILLED_LIMIT = 2 ** 26;

const PLACE = /\{\{(?:\s*"([^"]*)"\s*|\s*'([^']*)'\s*|([^{}"'|%]+))\}\}/g;

/**
 * Reads `{{column}}`, where the column may be a path into nested values, as in `{{answers.text.0}}`. Quoted text
 * stands for itself, which is how to write two braces: `{{"{{"}}`. A single brace is a brace.
 * @throws AttuneError on what looks like more of Jinja than this.
 */
export function parsePlaceholders(text: string): Pattern {
  const parts: (string | { path: string })[] = [];
  let end = 0;
  for (const match of text.matchAll(PLACE)) {
    const [place, double, single, path] = match;
    parts.push(literal(text.slice(end, match.index)));
    parts.push(path === undefined ? (double ?? single ?? "") : { path: named(path.trim(), place) });
    end = match.index + place.length;
  }
  parts.push(literal(text.slice(end)));
  return parts.filter((part) => part !== "");
}

export const pathsOf = (pattern: Pattern): string[] =>
  pattern.flatMap((part) => (typeof part === "string" ? [] : [part.path]));

/** Values are put in as they are: one that has braces of its own isn't read again. */
export function fillPattern(pattern: Pattern, textOf: (path: string) => string): string {
  return joinTexts(pattern.map((part) => (typeof part === "string" ? part : textOf(part.path))));
}

/** @throws AttuneError when the whole gets too long for a text. */
export function joinTexts(texts: readonly string[], separator = ""): string {
  const length = texts.reduce((sum, text) => sum + text.length + separator.length, 0);
  if (length > FILLED_LIMIT)
    throw new AttuneError({
      code: "data.text-too-long",
      problem: `the filled text has ${length} characters, more than ${FILLED_LIMIT}`,
    });
  return texts.join(separator);
}

function named(path: string, place: string): string {
  if (path === "")
    throw new AttuneError({ code: "data.unnamed-column", problem: `${place} names no column` });
  return path;
}

function literal(text: string): string {
  const at = text.search(/\{\{|\{%/);
  if (at < 0) return text;
  const mark = text.slice(at, at + 2);
  throw new AttuneError({
    code: "data.wrong-pattern",
    place: JSON.stringify(text.slice(at, at + 30)),
    expected: "a column's name alone, as in {{text}}",
    wayOut: `The text ${mark} itself is written {{"${mark}"}}`,
  });
}
