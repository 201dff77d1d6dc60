import { expect, test } from "vitest";
import { exactJson, parseJson, writeJson } from "./exact_json.ts";

const exact = (text: string) => exactJson(parseJson(text));
/** What a thread is sent. */
const sent = (text: string) => structuredClone(exact(text));

test.each([
  '{"a": 1, "b": [2.5, "x", null, true, {"c": {}}], "d": -0}',
  '{"7": 1, "2031": 2, "a": 3}',
  '["[1.0]", ": 2.0,", "\\"5\\": 1"]',
  "1.0",
])("%s loses nothing, and is what it was", (text) => {
  const value = parseJson(text);
  expect(value).toEqual(JSON.parse(text));
  expect(exactJson(value)).toBe(value);
});

test("rows stay what JSON.parse makes of them", () => {
  const text = '{"weight": 1.0, "big": 9087654321012345678, "b": {"2": 1, "1": 2}}';
  expect(parseJson(text)).toEqual(JSON.parse(text));
});

test.each([
  ["[9007199254740993]", [9007199254740993n]],
  ["[-123456789012345678901234567890]", [-123456789012345678901234567890n]],
  ["[50.0, 1e5, 2E+3, 12.00]", [50, 1e5, 2000, 12].map(Object)],
  ["[9007199254740993.0]", [Object(9007199254740992)]],
  ["[0.99999999999999999999]", [Object(1)]],
  ["[[1, [2.0]]]", [[1, [Object(2)]]]],
])("%s", (text, value) => expect(sent(text)).toEqual(value));

test("minus zero is a float where it is written as one", () => {
  const [float, int] = exact("[-0.0, -0]") as [number, number];
  expect(float).toBeInstanceOf(Number);
  expect(Object.is(Number(float), -0)).toBe(true);
  expect(typeof int).toBe("number");
});

test("keys that are numbers keep their place, and what comes twice counts as JSON.parse has it", () => {
  const value = sent('{"b": 1, "2031": 2.0, "7": {"x": 1, "0": 2}, "b": 3.0, "2031": 4}');
  expect(value).toBeInstanceOf(Map);
  expect([...(value as Map<string, unknown>)]).toEqual([
    ["b", Object(3)],
    ["2031", 4],
    [
      "7",
      new Map([
        ["x", 1],
        ["0", 2],
      ]),
    ],
  ]);
});

test("text that looks like numbers, escapes and __proto__ are left alone", () => {
  const value = exact('{"a\\"b": ": 1.0,", "__proto__": 2.0, "c": "\\\\"}') as Record<string, unknown>;
  expect(Object.entries(value)).toEqual([
    ['a"b', ": 1.0,"],
    ["__proto__", Object(2)],
    ["c", "\\"],
  ]);
});

test.each([
  ["digits", `["${":1".padEnd(200_000, "1")}x"]`],
  ["zeros", `[":1.${"0".repeat(200_000)}x"]`],
  ["brackets", `${"[1.0,".repeat(50_000)}1${"]".repeat(50_000)}`],
  ["quotes", `{"2": "${'\\\\\\"'.repeat(50_000)}", "1": 1}`],
])("many %s take no long time", (_, text) => {
  const start = performance.now();
  parseJson(text);
  expect(performance.now() - start).toBeLessThan(4000);
});

test("written for comparing: large integers and ordered keys too", () => {
  expect(writeJson([exact("[9007199254740993]"), exact('{"b": 1, "1": 2}')])).toBe(
    '[[{"integer":"9007199254740993"}],[["b",1],["1",2]]]',
  );
});
