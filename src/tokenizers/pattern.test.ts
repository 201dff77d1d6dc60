import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { compilePattern, compileRegex } from "./pattern.ts";
import { createStepBudget, renewBudget } from "./patterns/step_budget.ts";
import { splitText } from "./split.ts";

interface Case {
  name?: string;
  pattern: string;
  matched: number[][];
  begins: number[][];
}
interface Golden {
  texts: string[];
  inUse: Case[];
  syntax: Case[];
  drawn: Case[];
  behaviors: { pattern: string; behavior: string; invert: boolean; cut: number[][] }[];
}

const golden: Golden = JSON.parse(readFileSync(new URL("./goldens/patterns.json", import.meta.url), "utf8"));

function cut(pattern: string, text: string, behavior: string, invert: boolean): [number, number][] {
  const spans: [number, number][] = [];
  splitText(
    compileRegex(pattern, createStepBudget()),
    behavior,
    invert,
  )(text, (from, to) => spans.push([from, to]));
  return spans;
}

/** What Oniguruma computes and this refuses: look-behinds of several ways, characters that are two without case. */
const REFUSED = ["(?<=\\R)b", "(?i)[\\p{Lu}]"];

function check({ pattern, matched, begins }: Case, texts: readonly string[]): void {
  matched.forEach((spans, i) => {
    const text = texts[i]!;
    expect(cut(pattern, text, "removed", true).flat(), JSON.stringify(text)).toEqual(spans);
    expect(
      cut(pattern, text, "isolated", false).map(([from]) => from),
      JSON.stringify(text),
    ).toEqual(begins[i]);
  });
}

describe("patterns cut as Hugging Face tokenizers', whose patterns are Oniguruma's", () => {
  test.each(golden.inUse)("$name", (example) => check(example, golden.texts));

  test.each(golden.syntax.filter(({ pattern }) => !REFUSED.includes(pattern)))("$pattern", (example) =>
    check(example, golden.texts),
  );

  test("random patterns", () => {
    for (const example of golden.drawn) check(example, golden.texts.slice(1, 4));
  });

  test.each(golden.behaviors)(
    "$behavior, invert $invert: $pattern",
    ({ pattern, behavior, invert, cut: spans }) => {
      expect(spans.map((_, i) => cut(pattern, golden.texts[i + 1]!, behavior, invert).flat())).toEqual(spans);
    },
  );

  test("a literal is what it says", () => {
    const spans: [number, number][] = [];
    compilePattern({ String: "a.b" }, createStepBudget())("a.b axb a.ba.b", (from, to) =>
      spans.push([from, to]),
    );
    expect(spans).toEqual([
      [0, 3],
      [8, 11],
      [11, 14],
    ]);
  });
});

describe("what can't be computed is refused by name", () => {
  test.each<[string, RegExp]>([
    ["(a)\\1", /\\1 isn't supported/],
    ["(?<n>a)\\k<n>", /\\k isn't supported/],
    ["(?<n>a)\\g<n>", /\\g isn't supported/],
    ["\\Ga", /\\G isn't supported/],
    ["a\\Kb", /\\K isn't supported/],
    ["\\X", /\\X isn't supported/],
    ["a\\yb", /\\y isn't supported/],
    ["(?~abc)", /group \(\?~/],
    ["(?(1)a|b)", /group \(\?\(/],
    ["(?{a})", /group \(\?\{/],
    ["(*FAIL)", /callouts/],
    ["(?W)\\w", /group \(\?W/],
    ["(?s).", /group \(\?s/],
    ["(?<=(?>a+))b", /atomic or possessive group in a look-behind/],
    ["(?<=a++)b", /atomic or possessive group in a look-behind/],
    ["(?i)ß", /"ß" may be one character or several/],
    ["(?i)miss", /"ss" may be one character or several/],
    ["(?i)[ß-ü]", /"ß" of a class/],
    ["\\p{Nonsense}", /property \\p\{Nonsense\}/],
    ["\\p{Script=Han}", /property \\p\{Script=Han\}/],
    ["\\xe9", /number stands for no character/],
    ["\\M-a", /escape \\M/],
    ["[[:nonsense:]]", /POSIX bracket \[:nonsense:\]/],
    ["[\\w-.]", /hyphen stands behind a set/],
    ["[z-a]", /range in a class is empty/],
    ["[a", /class has no end/],
    ["[]", /class has no end|class is empty/],
    ["(a", /group has no end/],
    ["a)", /group ends that didn't begin/],
    ["*a", /nothing stands before \*/],
    ["a{1,100001}", /interval goes beyond/],
    ["a\\", /ends in a backslash/],
    ["(".repeat(200) + ")".repeat(200), /nested more than 100/],
    [`${"[".repeat(80)}a${"]".repeat(80)}`, /nested more than 50/],
    ["(?:ab){1000}{1000}", /too large/],
    ["a|".repeat(6000), /longer than/],
  ])("%s", (source, reason) => {
    const compile = () => compileRegex(source, createStepBudget());
    expect(compile).toThrow(AttuneError);
    expect(compile).toThrow(/^tokenizer\.json: the pattern "/);
    expect(compile).toThrow(reason);
  });

  test("a pattern that isn't one", () => {
    expect(() => compilePattern({ Regex: 3 }, createStepBudget())).toThrow(/expected a pattern/);
    expect(() => compilePattern(null, createStepBudget())).toThrow(/expected a pattern/);
  });
});

describe("no pattern runs away", () => {
  const count = (source: string, text: string) => {
    let matches = 0;
    const budget = createStepBudget();
    renewBudget(budget, text);
    compileRegex(source, budget)(text, () => matches++);
    return matches;
  };

  test.each<[string, string, number]>([
    ["(a+)+$", `${"a".repeat(50_000)}!`, 0],
    ["(?:a|a)*b", "a".repeat(50_000), 0],
    ["(?:\\w+\\s?)+$", `${"word ".repeat(10_000)}!`, 0],
    ["\\s+x", " ".repeat(100_000), 0],
    ["\\s*[\\r\\n]+x", " ".repeat(100_000), 0],
    ["(?:.*)(?:.*)x", "a".repeat(50_000), 0],
    ["(?=.*)a", "a".repeat(100_000), 100_000],
    ["(?>[^b]*)b|x", "x".repeat(100_000), 100_000],
    ["x+x+y", "x".repeat(20_000), 0],
    ["(?:(?:a?){20}){20}b", "a".repeat(2000), 0],
  ])("%s is computed in time that grows with the text", (source, text, expected) => {
    expect(count(source, text)).toBe(expected);
  });

  test("one that takes too long all the same is given up, by name", () => {
    const slow = () => count("(?:a*)*(?:a*)*(?:a*)*b", "a".repeat(5000));
    expect(slow).toThrow(/the pattern "\(\?:a\*\)\*.*too many steps on a text of 5000 characters/);
  });
});
