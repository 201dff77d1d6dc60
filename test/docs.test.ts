import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { describe, expect, test } from "vitest";
import { createProgram, defineAll } from "../src/cli/program.ts";
import { readJsonRows } from "../src/data/files/json_rows.ts";
import { examplesOf } from "../src/data/formats/read_examples.ts";
import { FAMILIES } from "../src/models/families.ts";
import { parseYaml } from "../src/text/yaml.ts";
import { foreignKey, plainKey } from "../src/training/foreign_keys.ts";
import { parseRecipe } from "../src/training/recipe.ts";
import { isStaged, parseStages } from "../src/training/staged_recipe.ts";

const repository = fileURLToPath(new URL("..", import.meta.url));
const read = (page: string) => readFileSync(join(repository, page), "utf8");

const PAGES = [
  ...["README.md", "README.zh-CN.md", "CONTRIBUTING.md"],
  ...["docs/guide.md", "docs/guide.zh-CN.md", "docs/limits.md", "docs/limits.zh-CN.md"],
  ...["docs/learn.md", "docs/learn.zh-CN.md"],
  ...["docs/browser.md", "docs/browser.zh-CN.md"],
  ...["docs/evaluation.md", "docs/evaluation.zh-CN.md"],
  ...["docs/export.md", "docs/export.zh-CN.md"],
  ...["docs/machines.md", "docs/machines.zh-CN.md"],
  ...["docs/models.md", "docs/models.zh-CN.md"],
  ...["docs/serve.md", "docs/serve.zh-CN.md"],
  ...["docs/studio.md", "docs/studio.zh-CN.md"],
];

/** Fenced blocks, and the language each is in. */
const blocks = (page: string) =>
  Array.from(read(page).matchAll(/^```(\w*)\n(.*?)^```$/gms), ([, language, text]) => ({
    language,
    text: text!,
  }));

/** The options of the command that `words` begin with, which may be one of another: data preview. */
function optionsOf(command: Command, [name, ...words]: string[]): (string | undefined)[] {
  const named = command.commands.find((one) => one.name() === name);
  if (named) return optionsOf(named, words);
  expect(command.commands, `attune has no command ${name}`).toEqual([]);
  return command.options.flatMap(({ short, long }) => [short, long]);
}

describe.each(PAGES)("%s", (page) => {
  const yaml = blocks(page).filter(({ language }) => language === "yaml");
  const json = blocks(page).filter(({ language }) => language === "json");

  test("its recipes are recipes", () => {
    for (const { text } of yaml) {
      const value = parseYaml(text, page) as object;
      const whole = { model: "m", data: [{ path: "d" }], output: "o", ...value };
      if (isStaged(whole)) parseStages(whole, page);
      else parseRecipe(whole, page);
    }
  });

  test("its rows of data can be read", async () => {
    for (const { text } of json) {
      const rows = readJsonRows(Readable.from([Buffer.from(text)]), page);
      const kinds = [];
      for await (const { kind } of examplesOf(rows, page)) kinds.push(kind);
      expect(kinds).toEqual([expect.not.stringMatching("unusable")]);
    }
  });

  test("its links lead somewhere", () => {
    const links = Array.from(read(page).matchAll(/\]\(([^)#]+)(#[^)]*)?\)/g), ([, path]) => path!);
    for (const path of links.filter((link) => !/^https?:/.test(link)))
      expect(existsSync(join(repository, dirname(page), path)), path).toBe(true);
  });

  test("the commands it shows exist, with the options it gives them", async () => {
    const program = await defineAll(createProgram());
    const shell = blocks(page).filter(({ language }) => language === "sh");
    const lines = shell
      .flatMap(({ text }) => text.split("\n"))
      .flatMap((line) => /attune (?:-- )?(\w.*)/.exec(line)?.[1] ?? []);
    for (const line of lines) {
      const words = line.replace(/(["']).*?\1/g, "…").split(" ");
      const known = optionsOf(program, words);
      for (const option of words.filter((word) => /^-+\w/.test(word))) expect(known, line).toContain(option);
    }
  });
});

test.each([
  ["README.md", "README.zh-CN.md"],
  ["docs/guide.md", "docs/guide.zh-CN.md"],
  ["docs/learn.md", "docs/learn.zh-CN.md"],
])("%s and %s are in step", (english, chinese) => {
  const outline = (page: string) => ({
    headings: Array.from(read(page).matchAll(/^#+ /gm), ([mark]) => mark),
    blocks: blocks(page).map(({ language }) => language),
    tableRows: read(page).match(/^\|/gm)?.length,
    bullets: read(page).match(/^- /gm)?.length,
  });
  expect(outline(chinese)).toEqual(outline(english));
});

test.each(["docs/models.md", "docs/models.zh-CN.md"])("%s lists every family", (page) => {
  const listed = Array.from(read(page).matchAll(/^\|.*$/gm), ([row]) => row).join("\n");
  for (const { modelType } of FAMILIES) expect(listed).toContain(`\`${modelType}\``);
});

/** Keys that the recipe still takes under their earlier name. */
const EARLIER: Record<string, string> = { "training.evaluateEvery": "evaluation.every" };

test.each(["docs/learn.md", "docs/learn.zh-CN.md"])(
  "%s: other tools' keys are those that errors explain",
  (page) => {
    const rows = Array.from(read(page).matchAll(/^\| `([\w.]+)` \| (.* \|){4}$/gm), ([row]) => row);
    expect(rows.length).toBeGreaterThan(20);
    for (const row of rows) {
      const [key = "", ...others] = Array.from(row.matchAll(/`([\w.]+)`/g), ([, name]) => name!);
      const place = key.split(".");
      for (const name of others) {
        const last = name.split(".").at(-1)!;
        const hint = foreignKey(place.slice(0, -1).join("."), last) ?? foreignKey("", last);
        const known = hint && "key" in hint ? hint.key : undefined;
        const isSame = place.map(plainKey).includes(plainKey(last));
        expect(isSame || known === key || EARLIER[known ?? ""] === key, `${key}: ${name} is ${known}`).toBe(
          true,
        );
      }
    }
  },
);
