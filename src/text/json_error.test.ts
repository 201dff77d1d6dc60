import { describe, expect, test } from "vitest";
import { findJsonError } from "./json_error.ts";

describe("findJsonError", () => {
  test.each<[string, number]>([
    ["", 0],
    ["[1, 2", 5],
    ["[1 2]", 3],
    ["[1,]", 3],
    ["{,}", 1],
    ['{"a" 1}', 5],
    ['{"a": }', 6],
    ['{"a": 1,}', 8],
    ['{"a": 1]', 7],
    ["[1]]", 3],
    ["[01]", 2],
    ["[+1]", 1],
    ["[nul]", 1],
    ['["a\nb"]', 1],
    ['["\\x"]', 1],
    ['["\\u12"]', 1],
    ["{a: 1}", 1],
    ["[1] [2]", 4],
    ["'a'", 0],
  ])("%j goes wrong at %i", (text, index) => {
    expect(() => JSON.parse(text)).toThrow();
    expect(findJsonError(text).index).toBe(index);
  });

  test.each([
    '{"a": [1, -2.5e3, {"b": null}], "c": "\\u00e9\\n"}',
    " [ ] ",
    "{}",
    "true",
    '""',
    "[[[]], {}]",
  ])("%j is read to its end", (text) => {
    JSON.parse(text);
    expect(findJsonError(text).index).toBe(text.length);
  });

  test("line and column", () => {
    const text = '[\n  {"a": [1, 2]},\n  {"a": "x" "b"}\n]';
    expect(findJsonError(text)).toMatchObject({ line: 3, column: 13 });
  });

  test("a long string doesn't exhaust the stack", () => {
    expect(findJsonError(`["${"\\n".repeat(1_000_000)}", x]`).index).toBe(2_000_005);
  });
});
