import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { openBase, templatePlan } from "../../pretrained/base.ts";
import { dataFiles } from "../files/data_files.ts";
import { readDataset } from "../formats/read_dataset.ts";
import { prepareDataset } from "./prepare.ts";
import type { TokenizePlan } from "./tokenize_plan.ts";

const at = temporaryDirectory();
const model = fileURLToPath(new URL("../../../test/cases/models/bos", import.meta.url));

async function planOf(changes: Partial<TokenizePlan["settings"]> = {}): Promise<TokenizePlan> {
  const base = await openBase(model, { weights: "optional" });
  const { tokenizerConfig, eosIds, directory } = base;
  return {
    tokenizerJson: directory.tokenizerJson,
    tokenizerConfig,
    eosIds,
    template: await templatePlan(base),
    settings: { stage: "finetune", maxLength: 64, ...changes },
  };
}

async function prepared(path: string, plan: TokenizePlan, workers: number) {
  const { store, report } = await prepareDataset(readDataset({ path }), plan, { workers });
  const sequences = Array.from({ length: store.length }, (_, i) => {
    const { tokens, labelWeights, origin } = store.at(i);
    return { tokens: Array.from(tokens), labels: Array.from(labelWeights), row: origin.row };
  });
  store.close();
  return { sequences, report };
}

const line = (i: number) =>
  `Line ${i}: the harbour at ${i % 24} o'clock, 你好 and ${"so on ".repeat(i % 7)}\n`;
const text = Array.from({ length: 20_000 }, (_, i) => line(i)).join("");

test("a text file read in pieces gives what the same text as one row gives", async () => {
  expect(text.length).toBeGreaterThan(4 * 2 ** 18);
  writeFileSync(at("a.txt"), text);
  writeFileSync(at("b.jsonl"), JSON.stringify({ text }));
  const plan = await planOf();
  const rows: unknown[] = [];
  for await (const row of readDataset({ path: at("a.txt") })) rows.push(row);
  expect(rows.length).toBeGreaterThan(4);
  const pieces = await prepared(at("a.txt"), plan, 1);
  const whole = await prepared(at("b.jsonl"), plan, 1);
  expect(pieces.sequences.length).toBeGreaterThan(5000);
  expect(pieces.sequences).toEqual(whole.sequences);
  expect(pieces.report).toEqual(whole.report);
  expect(pieces.report).toMatchObject({ read: 1, kept: 1, dropped: [], unusable: [] });
});

test("in its place among other rows, with threads or without", async () => {
  const others = Array.from({ length: 3000 }, (_, i) => JSON.stringify({ text: line(i) })).join("\n");
  writeFileSync(at("d-1.jsonl"), others);
  writeFileSync(at("d-2.txt"), text);
  writeFileSync(at("d-3.txt"), "short");
  writeFileSync(at("d-4.jsonl"), others);
  expect(await dataFiles(at())).toHaveLength(4);
  const plan = await planOf();
  const [one, two] = [await prepared(at(), plan, 1), await prepared(at(), plan, 2)];
  expect(two).toEqual(one);
  expect(one.report.read).toBe(6002);
});

test("a document that can't be used is one row that can't", async () => {
  writeFileSync(at("a.txt"), text);
  await expect(prepared(at("a.txt"), await planOf({ answers: "pair" }), 1)).rejects.toThrow(
    /none of 1 examples can be trained on\n.*: the recipe's objective needs preference rows/,
  );
});
