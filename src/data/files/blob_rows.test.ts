import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { readBlobRows } from "./blob_rows.ts";
import { readDataFile } from "./open_data.ts";

async function read(name: string, content: string | Uint8Array<ArrayBuffer>) {
  const rows = [];
  for await (const row of readBlobRows(new Blob([content]), name)) rows.push(row);
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

test.each(["rows.parquet", "messages.parquet", "nested.parquet", "types.parquet", "lines.jsonl.zst"])(
  "%s is read as from a disk, alone and compressed",
  async (name) => {
    const path = fileURLToPath(new URL(`goldens/${name}`, import.meta.url));
    const expected = [];
    for await (const row of readDataFile(path)) expected.push(row);
    const bytes = new Uint8Array(readFileSync(path));
    expect(expected.length).toBeGreaterThan(0);
    expect(await read(name, bytes)).toEqual(expected);
    if (!name.endsWith(".zst"))
      expect(await read(`${name}.gz`, new Uint8Array(gzipSync(bytes)))).toEqual(expected);
  },
);

test("gzip that is cut is an error that names the file", async () => {
  const whole = gzipSync('{"a": 1}\n'.repeat(1000));
  await expect(read("a.jsonl.gz", new Uint8Array(whole.subarray(0, -12)))).rejects.toMatchObject({
    code: "data.damaged-compression",
    message: expect.stringMatching(/^a\.jsonl\.gz: the gzip data is damaged or cut/),
  });
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
  ["a.parquet", /the Parquet file can't be read/],
  ["a.jsonl.gz", /doesn't begin as gzip data does/],
  ["a.xlsx", /a spreadsheet.*Save the sheet as CSV/s],
])("%s is refused", async (name, message) => {
  await expect(read(name, "x")).rejects.toThrow(message);
});
