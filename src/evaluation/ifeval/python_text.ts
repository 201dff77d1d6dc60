/** Python's character classes, which differ from JavaScript's. For use in patterns with the flag u. */
export const WORD = "[\\p{L}\\p{N}_]";
/** Python's \b. */
export const BOUNDARY = `(?:(?<=${WORD})(?!${WORD})|(?<!${WORD})(?=${WORD}))`;
/** ^ and $ of Python's re.MULTILINE: only \n ends a line. */
export const LINE_START = "(?:^|(?<=\\n))";
export const LINE_END = "(?=\\n|$)";

/** str.isupper: a letter with case is there, and none is lower case. */
export const isUpper = (text: string): boolean => /\p{Lu}/u.test(text) && !/[\p{Ll}\p{Lt}]/u.test(text);
/** str.islower */
export const isLower = (text: string): boolean => /\p{Ll}/u.test(text) && !/[\p{Lu}\p{Lt}]/u.test(text);

export const isBlank = (text: string): boolean => text.trim() === "";

/** `characters` taken from both ends. */
export function strip(text: string, characters: string): string {
  let [from, to] = [0, text.length];
  while (from < to && characters.includes(text[from]!)) from++;
  while (to > from && characters.includes(text[to - 1]!)) to--;
  return text.slice(from, to);
}

export const countMatches = (text: string, pattern: string, flags = "gu"): number =>
  [...text.matchAll(new RegExp(pattern, flags))].length;
