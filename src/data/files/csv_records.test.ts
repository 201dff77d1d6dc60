import { expect, test } from "vitest";
import { readCsvRecords } from "./csv_records.ts";

async function read(pieces: string[], { delimiter = "," as "," | "\t", lenient = false } = {}) {
  const texts = (async function* () {
    yield* pieces;
  })();
  const records = [];
  for await (const { fields, line } of readCsvRecords(texts, { file: "a", delimiter, lenient }))
    records.push([line, ...fields]);
  return records;
}

const TEXT = 'a,"b ""c""",d\r\n\r\n"",x\n"y\r\nz"\r\n,\n"last",';
const RECORDS = [
  [1, "a", 'b "c"', "d"],
  [3, "", "x"],
  [5, "y\r\nz"],
  [6, "", ""],
  [7, "last", ""],
];

test("records, however the text is cut into pieces", async () => {
  expect(await read([TEXT])).toEqual(RECORDS);
  expect(await read([...TEXT])).toEqual(RECORDS);
  for (let at = 1; at < TEXT.length; at++)
    expect(await read([TEXT.slice(0, at), TEXT.slice(at)]), `cut at ${at}`).toEqual(RECORDS);
});

test("an empty field in quotation marks is a record, an empty line is none, a lone \\r is a character", async () => {
  expect(await read(['""\n\n\r\na\rb,c'])).toEqual([
    [1, ""],
    [4, "a\rb", "c"],
  ]);
});

test("where marks within fields are characters", async () => {
  const options = { delimiter: "\t", lenient: true } as const;
  const text = '5" pipe\t"x\ty"\n"a"b\t"c"\rd\n';
  const records = [
    [1, '5" pipe', "x\ty"],
    [2, '"a"b', '"c"\rd'],
  ];
  expect(await read([text], options)).toEqual(records);
  expect(await read([...text], options)).toEqual(records);
});

test.each([
  ['a\n"b\nc', /the quotation mark that line 2 opens is never closed/],
  ['a,b"', /line 1: a quotation mark is within a field/],
  ['a\n"b"\rc', /line 2: a field goes on after its closing quotation mark/],
])("%j is an error", async (text, message) => {
  await expect(read([text])).rejects.toMatchObject({
    code: "data.invalid-csv",
    message: expect.stringMatching(message),
  });
  await expect(read([...text])).rejects.toThrow(message);
});
