import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { floatPaths, pathKey } from "./json_scan.ts";
import { pythonFloat, pythonJson } from "./python_json.ts";

test("floats are written as Python writes them", () => {
  const golden = JSON.parse(
    readFileSync(new URL("../files/goldens/numbers.json", import.meta.url), "utf8"),
  ) as [number, string][];
  for (const [value, written] of golden) expect(pythonFloat(value)).toBe(written);
});

describe("config.json of transformers", () => {
  test.each(["llama3-rope", "mistral-window", "qwen2-tied"])("%s comes back byte for byte", (name) => {
    const text = readFileSync(new URL(`../../goldens/models/${name}/config.json`, import.meta.url), "utf8");
    const config = JSON.parse(text);
    expect(`${pythonJson(config, floatPaths(text))}\n`).toBe(text);
    expect(`${pythonJson(config)}\n`).not.toBe(text); // whole floats would have become integers
  });
});

test("keys are sorted by code point, other letters than ASCII escaped, undefined left out", () => {
  const value = { "\u{1F600}": [], "\ue000": {}, b: 'é\u{1F600}\u007f\n"', a: undefined, 10: 1, 9: [1, 2] };
  const expected = `{
  "10": 1,
  "9": [
    1,
    2.0
  ],
  "b": "\\u00e9\\ud83d\\ude00\u007f\\n\\"",
  "\\ue000": {},
  "\\ud83d\\ude00": []
}`;
  expect(pythonJson(value, new Set([pathKey(["9", 1])]))).toBe(expected);
});

test("floats that are not finite are written as Python writes them", () => {
  expect(pythonJson([Number.NaN, Infinity, -Infinity])).toBe("[\n  NaN,\n  Infinity,\n  -Infinity\n]");
});

test("what JSON cannot hold is refused", () => {
  expect(() => pythonJson({ a: [() => 1] })).toThrow('["a",0] is a function');
});
