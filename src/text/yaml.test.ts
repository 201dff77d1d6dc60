import { describe, expect, test } from "vitest";
import { AttuneError } from "./errors.ts";
import { parseYaml } from "./yaml.ts";

test("plain values", () => {
  expect(parseYaml("a: [1, x, 2e-4]\nb: { c: null }\n", "r")).toEqual({ a: [1, "x", 2e-4], b: { c: null } });
  expect(parseYaml('{ "a": 1 }', "r")).toEqual({ a: 1 });
});

describe("refuses, in little time and memory", () => {
  test.each<[what: string, text: string, message: RegExp]>([
    ["a key twice", "a: 1\nb:\n  c: 1\n  c: 2\n", /^r: the key "c" is there twice, at line 4$/],
    ["lists in lists on one line", `${"- ".repeat(50_000)}a`, /indented by more than 400 columns/],
    ["keys in keys", `${"? ".repeat(50_000)}a`, /indented by more than 400 columns/],
    ["brackets in brackets", "[".repeat(100_000), /nested more than 200 deep/],
    ["maps in maps", "{a: ".repeat(50_000), /nested more than 200 deep/],
    ["levels", Array.from({ length: 1000 }, (_, i) => `${" ".repeat(i)}a:`).join("\n"), /indented by more/],
    [
      "aliases of aliases",
      `a: &a [x, x]\n${Array.from({ length: 30 }, (_, i) => `b${i}: &b${i} [${i ? `*b${i - 1}, *b${i - 1}` : "*a, *a"}]`).join("\n")}`,
      /alias count/,
    ],
    ["itself", "a: &a [*a]", /an alias \(\*\) is part of what it names/],
    ["itself in a map", "a: &a { b: { c: *a } }", /an alias/],
  ])("%s", (_, text, message) => {
    expect(() => parseYaml(text, "r")).toThrow(AttuneError);
    expect(() => parseYaml(text, "r")).toThrow(message);
  });

  test("many keys are read in a time that grows as they do", () => {
    const keys = Array.from({ length: 30_000 }, (_, i) => `k${i}: ${i}`).join("\n");
    expect(Object.keys(parseYaml(keys, "r") as object)).toHaveLength(30_000);
    const aliases = `a: &a 1\n${Array.from({ length: 5_000 }, (_, i) => `k${i}: *a`).join("\n")}`;
    expect(() => parseYaml(aliases, "r")).not.toThrow(RangeError);
  });
});

test("unknown tags pass where nothing is strict", () => {
  expect(() => parseYaml("a: !x 1", "r")).toThrow(/Unresolved tag/);
  expect(parseYaml("a: !x 1", "r", { isStrict: false })).toEqual({ a: expect.anything() });
});
