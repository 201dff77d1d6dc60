import { basename, dirname, resolve } from "node:path";
import { AttuneError } from "../text/errors.ts";

/**
 * Adapter directories by the name to call them: `NAME=DIR` names one, else it is the directory's own name, or that of
 * the run it lies in when it is called just "adapter" or "best".
 * @throws AttuneError when two have one name.
 */
export function namedAdapters(values: readonly string[]): Record<string, string> {
  const named = new Map<string, string>();
  for (const value of values) {
    const [, given, path = value] = /^([\w-]+)=(.+)$/s.exec(value) ?? [];
    const name = given ?? nameOf(path);
    if (name === BASE)
      throw new AttuneError({
        code: "cli.adapter-name",
        place: `--adapter ${value}`,
        problem: `"${BASE}" is the model without an adapter`,
        wayOut: `Choose another name: NAME=${path}`,
      });
    if (named.has(name))
      throw new AttuneError({
        code: "cli.adapter-name",
        place: `--adapter ${value}`,
        problem: `${named.get(name)} is called "${name}" already`,
        wayOut: `Name them: --adapter a=${named.get(name)} --adapter b=${path}`,
      });
    named.set(name, path);
  }
  return Object.fromEntries(named);
}

/** What the model without an adapter is called. */
export const BASE = "base";

function nameOf(path: string): string {
  const whole = resolve(path);
  return ["adapter", "best"].includes(basename(whole)) ? basename(dirname(whole)) : basename(whole);
}
