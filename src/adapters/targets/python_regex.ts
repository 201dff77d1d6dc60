import { AttuneError } from "../../errors.ts";

/**
 * A Python regular expression that must match a whole string (`re.fullmatch`), for the part of Python's syntax that
 * JavaScript has too; `(?P<name>…)`, `(?P=name)`, `\A` and `\Z` are translated.
 * `setting` is where the pattern comes from.
 * @throws AttuneError for syntax that JavaScript lacks, rather than match something else.
 */
export function fullmatch(pattern: string, setting = "targetModules"): RegExp {
  try {
    return new RegExp(`^(?:${translate(pattern)})$`, "u");
  } catch (error) {
    throw new AttuneError(
      `${setting}: ${JSON.stringify(pattern)} is not a regular expression that can be used here: ${(error as Error).message}`,
    );
  }
}

/** Escapes are taken in pairs, so that `\\Z` stays a backslash and a Z. */
function translate(pattern: string): string {
  return pattern.replace(/\\(.)|\(\?P<|\(\?P=(\w+)\)/gs, (token, escaped?: string, name?: string) => {
    if (token === "(?P<") return "(?<";
    if (name !== undefined) return `\\k<${name}>`;
    if (escaped === "A") return "^";
    if (escaped === "Z") return "$";
    return isPunctuation(escaped!) ? `\\u{${escaped!.codePointAt(0)!.toString(16)}}` : token;
  });
}

/** Python lets any punctuation be escaped, JavaScript's strict mode only what is syntax at that place. */
const isPunctuation = (char: string): boolean => /[^A-Za-z0-9]/.test(char);
