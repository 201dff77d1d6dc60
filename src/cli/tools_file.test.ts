import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { readTools } from "./tools_file.ts";

const at = temporaryDirectory();
const read = (value: unknown) => {
  writeFileSync(at("tools.json"), JSON.stringify(value));
  return readTools(at("tools.json"));
};
const weather = { type: "function", function: { name: "weather", parameters: { type: "object" } } };

test("are a list, alone or below tools, of functions with or without their wrapping", async () => {
  for (const tools of [[weather], [weather, { name: "bare", parameters: {} }]]) {
    expect(await read(tools)).toEqual(tools);
    expect(await read({ tools })).toEqual(tools);
  }
});

test.each([
  [{}, /tools\.json: expected a list of tools/],
  [[], /tools\.json: expected a list of tools/],
  ["weather", /tools\.json: expected a list of tools/],
  [[weather, { type: "function" }], /tools\.json: tool 2: expected \{ "type": "function"/],
  [[[weather]], /tools\.json: tool 1: expected/],
])("%j is refused", async (value, message) => {
  await expect(read(value)).rejects.toThrow(message);
});

test("a file that isn't there, or is no JSON, is named", async () => {
  await expect(readTools(at("none.json"))).rejects.toThrow(/none\.json/);
  writeFileSync(at("tools.json"), "[{");
  await expect(readTools(at("tools.json"))).rejects.toThrow(/tools\.json is not valid JSON/);
});
