import { describe, expect, test } from "vitest";
import { fullmatch } from "./python_regex.ts";

// Each line as Python 3.11's re.fullmatch(pattern, text) answers.
describe("fullmatch", () => {
  test.each<[string, string, boolean]>([
    ["a|ab", "ab", true],
    ["a|b", "ab", false],
    [String.raw`\Amodel\.x\Z`, "model.x", true],
    [String.raw`\\Z`, "\\Z", true],
    ["(?P<n>a)(?P=n)", "aa", true],
    ["(?P<n>a)(?P=n)", "ab", false],
    [String.raw`q\_proj\-[\-x]\@`, "q_proj--@", true],
    [String.raw`layers\.\d+\.(?!mlp)\w+`, "layers.12.attn", true],
    [String.raw`layers\.\d+\.(?!mlp)\w+`, "layers.12.mlp", false],
  ])("%s on %s: %s", (pattern, text, expected) => {
    expect(fullmatch(pattern).test(text)).toBe(expected);
  });

  test.each(["(?i)a", "a++b", "(?>a)", "(", "\\N"])("%s is refused", (pattern) => {
    expect(() => fullmatch(pattern)).toThrow(/targetModules: .* not a regular expression that can be used/);
  });

  test.each(["(.*a?)*x", "(a+)+", "((ab*)c)*", "(a{1,9}){2,}", "(?:a|b*)+", ".*.*.*.*.*.*x", "(.*"])(
    "%s would take too long, or is none",
    (pattern) => {
      expect(() => fullmatch(pattern)).toThrow(
        /targetModules: ".*" (nests or chains too many repetitions|is not a regular)/,
      );
    },
  );

  test.each([
    String.raw`.*\.layers\.\d+\.(self_attn|mlp)\.(q|k|v)_proj`,
    "^(?!.*patch_embed).*(?:q_proj|[k*+]_proj).*",
    String.raw`(a\*)*b*`,
    "(a*)b*(c)*",
  ])("%s is fine", (pattern) => {
    expect(() => fullmatch(pattern)).not.toThrow();
  });
});
