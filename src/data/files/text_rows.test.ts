import { expect, test } from "vitest";
import { readRows } from "./text_rows.ts";

async function read(name: string, content: string) {
  const rows = [];
  for await (const row of readRows(new Blob([content]), name)) rows.push(row);
  return rows;
}

test.each([
  ["a.json", '[{"text": "é"}, {"text": "two"}]'],
  ["a.jsonl", '{"text": "é"}\n{"text": "two"}\n'],
  ["a.csv", "\ufefftext\né\ntwo\n"],
])("the rows of a Blob, %s", async (name, content) => {
  const values = (await read(name, content)).map((row) => "value" in row && row.value);
  expect(values).toEqual([{ text: "é" }, { text: "two" }]);
});

test("a text larger than a piece is one row", async () => {
  const text = "word ".repeat(200_000);
  expect(await read("a.txt", text)).toEqual([{ row: 1, value: { text } }]);
});

test("a broken line is a row with a problem", async () => {
  const rows = await read("a.jsonl", '{"a": 1}\n{"a": \n{"a": 3}\n');
  expect(rows.map((row) => "problem" in row && row.problem)).toEqual([
    false,
    expect.stringMatching(/^invalid JSON/),
    false,
  ]);
});

test.each([
  ["a.parquet", /Parquet and compressed files are read where there is a disk/],
  ["a.jsonl.gz", /Unpack it/],
  ["a.xlsx", /a spreadsheet.*Save the sheet as CSV/s],
])("%s is refused", async (name, message) => {
  await expect(read(name, "x")).rejects.toThrow(message);
});
