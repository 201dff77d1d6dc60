import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { chatTemplate } from "../templates/template.ts";
import { readToolsFile } from "./tools_file.ts";

const at = temporaryDirectory();
const read = (value: unknown) => {
  writeFileSync(at("tools.json"), JSON.stringify(value));
  return readToolsFile(at("tools.json"));
};
const weather = { type: "function", function: { name: "weather", parameters: { type: "object" } } };

test("are a list, alone or below tools, of functions with or without their wrapping", async () => {
  const bare = { name: "bare", parameters: {} };
  for (const value of [[weather, bare], { tools: [weather, bare] }])
    expect(await read(value)).toEqual([weather, { type: "function", function: bare }]);
});

test("keep the spelling of their numbers, and the order of their keys", async () => {
  const source = '[{"name": "f", "parameters": {"b": 9223372036854775807, "2": 1.0}}]';
  writeFileSync(at("tools.json"), source);
  const template = chatTemplate("{{ tools | tojson }}", {});
  const tools = await readToolsFile(at("tools.json"));
  expect(template.render({ messages: [], tools }, { addGenerationPrompt: false })).toBe(
    `[{"type": "function", "function": ${source.slice(1, -1)}}]`,
  );
});

test.each([
  [{}, /tools\.json: expected a list of tools/],
  [[], /tools\.json: expected a list of tools/],
  ["weather", /tools\.json: expected a list of tools/],
  [[weather, { type: "function" }], /tools\.json: tool 2: expected \{type: "function"/],
  [[[weather]], /tools\.json: tool 1: expected \{type/],
])("%j is refused", async (value, message) => {
  await expect(read(value)).rejects.toThrow(message);
});

test("a file that isn't there, or is no JSON, is named", async () => {
  await expect(readToolsFile(at("none.json"))).rejects.toThrow(/none\.json/);
  writeFileSync(at("tools.json"), "[{");
  await expect(readToolsFile(at("tools.json"))).rejects.toThrow(/tools\.json: not valid JSON/);
});
