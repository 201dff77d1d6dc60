import { fullmatch } from "../targets/python_regex.ts";

/** The first of `keys` that a module's name ends in, as PEFT matches `rank_pattern`: a key is a regular expression. */
export const patternKey = (keys: readonly string[], module: string, setting: string): string | undefined =>
  keys.find((key) => fullmatch(`(.*\\.)?(${key})`, setting).test(module));

/** What `patterns` says of a module; nothing when no key matches. */
export function patternValue(
  patterns: Readonly<Record<string, number>> | undefined,
  module: string,
  setting: string,
): number | undefined {
  if (!patterns) return undefined;
  const key = patternKey(Object.keys(patterns), module, setting);
  return key === undefined ? undefined : patterns[key];
}
