import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import type { Example, UnusableRow } from "../example.ts";
import { type Dataset, readDataset } from "./read_dataset.ts";

const at = temporaryDirectory();

async function all(dataset: Dataset): Promise<(Example | UnusableRow)[]> {
  const examples = [];
  for await (const example of readDataset(dataset)) examples.push(example);
  return examples;
}

describe("readDataset", () => {
  test("a directory: each file by its own kind and format, with its path and row", async () => {
    mkdirSync(at("d"));
    writeFileSync(at("d/a.csv"), "instruction,output\nHi,Hello\n");
    writeFileSync(at("d/b.jsonl"), '{"text": "one"}\n{"text": }\n');
    writeFileSync(at("d/c.txt"), "document");
    writeFileSync(at("d/d.json"), "[]");
    expect((await all({ path: at("d") })).map(({ kind, origin }) => [kind, origin])).toEqual([
      ["conversation", { file: at("d/a.csv"), row: 1 }],
      ["text", { file: at("d/b.jsonl"), row: 1 }],
      ["unusable", { file: at("d/b.jsonl"), row: 2 }],
      ["text", { file: at("d/c.txt"), row: 1 }],
    ]);
  });

  test("format and columns", async () => {
    writeFileSync(at("a.tsv"), "q\ta\nHi\tHello\n");
    const columns = { instruction: "q", output: "a" };
    expect(await all({ path: at("a.tsv"), format: "alpaca", columns })).toMatchObject([
      { kind: "conversation" },
    ]);
  });

  test.each([
    ["a.json", "[]"],
    ["a.jsonl", " \n\n"],
    ["a.csv", "a,b\n"],
    ["a.txt", "\n"],
  ])("an empty %s is an error", async (name, content) => {
    writeFileSync(at(name), content);
    await expect(all({ path: at(name) })).rejects.toThrow(/the dataset is empty/);
  });
});

const shared = new URL("../../../../shared/data/", import.meta.url);

describe.skipIf(!existsSync(shared))("the field's own files: no row is lost", () => {
  test.each<[string, number, Example["kind"]]>([
    ["alpaca_en_demo.json", 999, "conversation"],
    ["alpaca_zh_demo.json", 1000, "conversation"],
    ["c4_demo.jsonl", 300, "text"],
    ["wiki_demo.txt", 1, "text"],
    ["glaive_toolcall_en_demo.json", 300, "conversation"],
    ["dpo_en_demo.json", 299, "preference"],
    ["kto_en_demo.json", 300, "feedback"],
    ["seed_tasks.jsonl", 175, "conversation"],
  ])("%s: %i of kind %s", async (name, count, kind) => {
    const examples = await all({ path: fileURLToPath(new URL(name, shared)) });
    expect(examples.filter((example) => !("more" in example))).toHaveLength(count);
    expect(new Set(examples.map((example) => example.kind))).toEqual(new Set([kind]));
  });
});
