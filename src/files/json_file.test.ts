import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { AttuneError } from "../text/errors.ts";
import { readJsonFile } from "./json_file.ts";
import { temporaryDirectory } from "./testing/temporary_directory.ts";

const at = temporaryDirectory();
const read = (text: string) => {
  writeFileSync(at("a.json"), text);
  return readJsonFile(at("a.json"));
};
const refusal = async (text: string) => {
  const error = await read(text).then(
    () => "read",
    (e) => e,
  );
  expect(error).toBeInstanceOf(AttuneError);
  return (error as AttuneError).message.replace(at("a.json"), "a.json");
};

test("JSON as Python writes it", async () => {
  expect(await read('{"a": [1.5, Infinity, NaN]}')).toEqual({ a: [1.5, Infinity, Number.NaN] });
});

test("what is not JSON is named with its place", async () => {
  expect(await refusal('{\n  "a": Infinity,\n  "b": nan\n}')).toBe(
    'a.json: not valid JSON at line 3, column 8, before "nan\\n}"',
  );
  expect(await refusal('{"a": 1')).toBe(
    "a.json: not valid JSON at line 1, column 8: the text ends too early",
  );
});

test("nested without end", async () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  await expect(read(nested(500))).resolves.toBeDefined();
  expect(await refusal(nested(501))).toMatch(/a\.json: its lists and objects are nested more than 500 deep/);
  expect(await refusal(nested(1e6))).toMatch(/nested more than 500 deep|not valid JSON/);
});
