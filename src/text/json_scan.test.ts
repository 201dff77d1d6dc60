import { describe, expect, test } from "vitest";
import { duplicateKeys, floatPaths, pathKey } from "./json_scan.ts";

describe("duplicateKeys", () => {
  test.each([
    ['{"a": 1, "b": {"a": 2}, "c": [{"a": 1}, {"a": 1}], "d": "a"}', []],
    ['{"a": 1, "b": 2, "a": 3}', ["a"]],
    ['{"x": {"k": 1, "k": 1}}', ["k"]],
    [String.raw`{"a": 1, "\u0061": 2}`, ["a"]], // the same key, escaped
    [String.raw`{"a\"": 1, "a\\": 2, "a": "\\", "b": "\"a\": 1"}`, []],
    ['{"a": ["a", "a"], "__proto__": 1, "__proto__": 2}', ["__proto__"]],
    ["[]", []],
    ["12.5", []],
  ])("%s", (text, expected) => {
    JSON.parse(text); // the precondition
    expect(duplicateKeys(text)).toEqual(expected);
  });
});

test("floatPaths tells 1.0 and 1e5 from 1", () => {
  const text = '{"a": 1, "b": 1.0, "c": {"d": [1, -2.5E-3, {"e": 1e5}], "f": "1.0"}, "g": 0}';
  expect([...floatPaths(text)]).toEqual([["b"], ["c", "d", 1], ["c", "d", 2, "e"]].map(pathKey));
});

test("Python's words for floats that are not finite are passed over", () => {
  const text = '{"a": -Infinity, "b": [NaN, Infinity, 1.0], "a": 2}';
  expect([...floatPaths(text)]).toEqual([pathKey(["b", 2])]);
  expect(duplicateKeys(text)).toEqual(["a"]);
});
