import { AttuneError } from "../../text/errors.ts";

/**
 * A Python regular expression that must match a whole string (`re.fullmatch`), for the part of Python's syntax that
 * JavaScript has too; `(?P<name>…)`, `(?P=name)`, `\A` and `\Z` are translated.
 * `setting` is where the pattern comes from.
 * @throws AttuneError for syntax that JavaScript lacks, rather than match something else.
 */
export function fullmatch(pattern: string, setting = "targetModules"): RegExp {
  if (isInvolved(pattern))
    throw new AttuneError({
      code: "adapters.slow-pattern",
      place: setting,
      problem: `${JSON.stringify(pattern)} nests or chains too many repetitions to match in bounded time`,
    });
  try {
    return new RegExp(`^(?:${translate(pattern)})$`, "u");
  } catch (error) {
    throw new AttuneError({
      code: "adapters.unsupported-pattern",
      place: setting,
      problem: `${JSON.stringify(pattern)} is not a regular expression that can be used here: ${(error as Error).message}`,
    });
  }
}

/** More than these, one after another, and a name of 60 letters takes minutes. */
const MOST_REPEATS = 5;

/**
 * Whether matching may take time exponential in a name's length, or as good as that: a group that repeats holds what
 * repeats, or much repeats. Patterns come from adapters of others, too.
 */
function isInvolved(pattern: string): boolean {
  const plain = pattern.replace(/\\.|\[\^?\]?[^\]]*\]/gs, "x"); // neither escapes nor classes repeat anything
  const open = [0]; // repeats within each group that is open
  let closed = { at: -1, repeats: 0 }; // the group that ended last
  for (const { 0: token, index } of plain.matchAll(/[()]|[*+]|\{\d*,?\d*\}/g)) {
    if (token === "(") open.push(0);
    else if (token === ")") {
      closed = { at: index, repeats: open.pop() ?? 0 };
      open.push((open.pop() ?? 0) + closed.repeats);
    } else {
      if (index === closed.at + 1 && closed.repeats > 0) return true;
      open.push((open.pop() ?? 0) + 1);
    }
  }
  return open.reduce((sum, n) => sum + n, 0) > MOST_REPEATS;
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
