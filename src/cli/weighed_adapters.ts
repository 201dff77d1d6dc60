import { AttuneError } from "../text/errors.ts";
import { namedAdapters } from "./named_adapters.ts";

/** An adapter's directory, what to call it, and what it counts for. */
export interface WeighedPath {
  name: string;
  path: string;
  weight: number;
}

/** `DIR=WEIGHT` or `NAME=DIR=WEIGHT`, a list of them. @throws AttuneError when one has no weight, or two have one name. */
export function parseWeighed(values: readonly string[]): WeighedPath[] {
  const split = values.map((value) => {
    const [, directory, text] = /^(.+)=([^=]*)$/s.exec(value) ?? [];
    const weight = text?.trim() ? Number(text) : Number.NaN;
    if (directory === undefined || !Number.isFinite(weight) || weight === 0)
      throw new AttuneError({
        code: "cli.adapter-weight",
        place: `--adapter ${value}`,
        expected: `a directory and its weight, a number other than 0: ${directory ?? value}=0.5`,
      });
    return { directory, weight };
  });
  const named = Object.entries(namedAdapters(split.map(({ directory }) => directory)));
  return named.map(([name, path], i) => ({ name, path, weight: split[i]!.weight }));
}
