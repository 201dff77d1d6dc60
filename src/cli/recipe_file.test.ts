import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { readRecipe } from "./recipe_file.ts";

const at = temporaryDirectory();
const MINIMAL = "model: m\ndata: [{ path: d.json }]\noutput: o\n";

function write(name: string, text: string): string {
  writeFileSync(at(name), text);
  return at(name);
}

describe("reads", () => {
  const expected = expect.objectContaining({ model: "m", data: [{ path: "d.json" }], output: "o", seed: 42 });
  const object = '{ "model": "m", "data": [{ "path": "d.json" }], "output": "o" }';

  test.each([
    ["YAML", "r.yaml", MINIMAL],
    ["YAML in a .yml", "r.yml", `# a comment\n${MINIMAL}`],
    ["JSON", "r.json", object],
    ["JSON with tabs", "r.json", object.replaceAll(" ", "\n\t\t")],
    ["a module", "r.mjs", `export default ${object}`],
    ["a TypeScript module", "r.ts", `const recipe: object = ${object};\nexport default recipe;`],
  ])("%s", async (_, name, text) => {
    expect(await readRecipe(write(name, text))).toEqual(expected);
  });

  test("numbers as YAML 1.2 has them, with overrides put in", async () => {
    const path = write("r.yaml", `${MINIMAL}training: { learningRate: 3e-4, epochs: 2 }\n`);
    const overrides = [
      "training.epochs=1",
      "data.0.format=alpaca",
      "data.1={ path: e.json }",
      "adapter.type=lora",
    ];
    expect(await readRecipe(path, overrides)).toMatchObject({
      training: { learningRate: 3e-4, epochs: 1 },
      data: [{ path: "d.json", format: "alpaca" }, { path: "e.json" }],
      adapter: { type: "lora", r: 8 },
    });
  });
});

describe("refuses", () => {
  test.each([
    [
      "a key that is there twice",
      "r.yaml",
      `${MINIMAL}model: n\n`,
      /the key "model" is there twice, at line 4/,
    ],
    [
      "a key that is there twice in JSON",
      "r.json",
      '{ "model": "m", "model": "n" }',
      /the key "model" is there twice, at line 1/,
    ],
    ["broken YAML", "r.yaml", "model: [", /r\.yaml: .* at line 1/],
    ["a tag", "r.yaml", `${MINIMAL}template: !!js/function x\n`, /Unresolved tag/],
    ["two documents", "r.yaml", `${MINIMAL}---\n${MINIMAL}`, /multiple documents/],
    ["nothing", "r.yaml", "", /expected an object/],
    ["a list", "r.yaml", "- a\n", /expected an object/],
    [
      "an unknown key",
      "r.yaml",
      `${MINIMAL}trainig: 1\n`,
      /r\.yaml has a problem:\n {2}trainig: unknown key; did you mean training\?/,
    ],
    ["a __proto__ key", "r.yaml", `${MINIMAL}__proto__: { seed: 1 }\n`, /unknown key/],
    ["another ending", "r.toml", "", /\.yaml, \.yml or \.json file.*, got \.toml/],
    ["a module without a default export", "r.mjs", "export const recipe = {};", /default export.*got recipe/],
    ["a module that throws", "r.mjs", 'throw new Error("no such luck");', /r\.mjs: no such luck/],
  ])("%s", async (_, name, text, message) => {
    await expect(readRecipe(write(name, text))).rejects.toThrow(
      expect.objectContaining({ name: "AttuneError", message: expect.stringMatching(message) }),
    );
  });

  test("aliases that multiply", async () => {
    const levels = Array.from(
      { length: 9 },
      (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(", ")}]`,
    );
    const path = write("r.yaml", `a0: &a0 [x]\n${levels.join("\n")}\n`);
    await expect(readRecipe(path)).rejects.toThrow(/Excessive alias count/);
  });

  test("a missing file, and a directory", async () => {
    await expect(readRecipe(at("none.yaml"))).rejects.toThrow(/there is no such file/);
    await expect(readRecipe(at("none.mjs"))).rejects.toThrow(/there is no such file/);
    mkdirSync(at("folder.yaml"));
    await expect(readRecipe(at("folder.yaml"))).rejects.toThrow(/not a file/);
  });
});

test("a recipe that never ends is refused", async () => {
  const pipe = write("pipe.yaml", "");
  rmSync(pipe);
  execFileSync("mkfifo", [pipe]);
  await expect(readRecipe(pipe)).rejects.toThrow(/pipe\.yaml: it is a named pipe \(FIFO\), not a file/);
  symlinkSync("/dev/zero", `${pipe}.json`);
  await expect(readRecipe(`${pipe}.json`)).rejects.toThrow(/it is a device, not a file/);
  await expect(readRecipe(dirname(pipe))).rejects.toThrow(/expected a recipe as a \.yaml/);
});
