import { describe, expect, test } from "vitest";
import { parsePythonJson } from "./parse_python_json.ts";

test.each<[string, unknown]>([
  ['{"a": [1, 2.5, "x"]}', { a: [1, 2.5, "x"] }],
  ['{"a": Infinity, "b": -Infinity, "c": [NaN]}', { a: Infinity, b: -Infinity, c: [Number.NaN] }],
  ["[Infinity]", [Infinity]],
  ["NaN", Number.NaN],
  ['["Infinity", Infinity, "a \\" NaN", "\\\\", NaN]', ["Infinity", Infinity, 'a " NaN', "\\", Number.NaN]],
])("%s", (text, value) => {
  expect(parsePythonJson(text)).toEqual(value);
});

describe("what Python refuses, too", () => {
  test.each([
    "",
    "{",
    "[Infinit]",
    "[inf]",
    "[nan]",
    "[+Infinity]",
    "[- Infinity]",
    '["Infinity',
    '["NaN\\"]',
    "[Infinity1]",
  ])("%s", (text) => {
    expect(() => parsePythonJson(text)).toThrow(SyntaxError);
  });
});
