import { describe, expect, test } from "vitest";
import { AttuneError } from "../../text/errors.ts";
import type { DataRow } from "./data_row.ts";
import { readJsonLines } from "./json_lines.ts";
import { readJsonList } from "./json_list.ts";
import { readJsonRows } from "./json_rows.ts";
import { readTextDocument, wholeDocuments } from "./text_document.ts";
import { decodeStream, skipByteOrderMark } from "./utf8.ts";

type Reader = (chunks: AsyncIterable<Uint8Array>) => AsyncIterable<unknown>;

async function* cut(bytes: Uint8Array, ends: number[]): AsyncGenerator<Uint8Array> {
  let from = 0;
  for (const end of [...ends, bytes.length]) {
    yield bytes.slice(from, end);
    from = end;
  }
}

const utf8 = (text: string) => new TextEncoder().encode(text);

async function all(reader: Reader, input: string | Uint8Array, ends: number[] = []): Promise<DataRow[]> {
  const rows = [];
  const bytes = typeof input === "string" ? utf8(input) : input;
  for await (const row of reader(cut(bytes, ends))) rows.push(row as DataRow);
  return rows;
}

const list: Reader = (chunks) => readJsonList(chunks, "a.json", 1000);
const lines: Reader = (chunks) => readJsonLines(chunks, "a.jsonl", 1000);
const either: Reader = (chunks) => readJsonRows(chunks, "-");
const document: Reader = (chunks) => wholeDocuments(readTextDocument(chunks, "a.txt"));
async function* unmarked(chunks: AsyncIterable<Uint8Array>) {
  yield* readJsonRows(await skipByteOrderMark(chunks, "a.json"), "a.json");
}

const values = [
  { text: 'quotes " and \\ and ] } , [ {', n: -1.5e3 },
  "é 你好 😀 \u0000 \n",
  [1, [2, { a: [] }]],
  null,
  {},
  [],
  "",
];

describe("rows are the same however the bytes are cut", () => {
  const inputs: [string, Reader, string][] = [
    ["a list", list, `${JSON.stringify(values)}\n`],
    ["a list over lines, CRLF", list, ` \r\n${JSON.stringify(values, null, 2).replaceAll("\n", "\r\n")}`],
    ["lines", lines, values.map((value) => JSON.stringify(value)).join("\n")],
    ["lines, CRLF, some empty", lines, values.map((value) => `${JSON.stringify(value)}\r\n\r\n`).join("")],
    ["a byte order mark", unmarked, `\ufeff${JSON.stringify(values)}`],
    ["a document", document, "é 你好 😀\r\n\r\nend\n"],
    ["text", (chunks) => decodeStream(chunks, "a"), ""],
  ];

  test.each(inputs)("%s", async (_, reader, text) => {
    const whole = await all(reader, text);
    const bytes = utf8(text);
    const everywhere = Array.from(bytes.keys());
    expect(await all(reader, bytes, everywhere)).toEqual(whole);
    for (const end of everywhere) expect(await all(reader, bytes, [end])).toEqual(whole);
    if (reader === list || reader === lines || reader === unmarked)
      expect(whole.map((row) => "value" in row && row.value)).toEqual(values);
  });

  test("row numbers: elements of a list, lines of JSONL", async () => {
    expect((await all(list, "[1, 2,\n3]")).map(({ row }) => row)).toEqual([1, 2, 3]);
    expect((await all(lines, "1\n\n \n2\n3")).map(({ row }) => row)).toEqual([1, 4, 5]);
  });

  test("what begins with a bracket is a list", async () => {
    expect(await all(either, ' \n\t[{"a": 1}]')).toEqual([{ row: 1, value: { a: 1 } }]);
    expect(await all(either, ' \n{"a": 1}')).toEqual([{ row: 2, value: { a: 1 } }]);
  });

  test.each(["[]", " [ ]\n"])("an empty list: %j", async (text) => expect(await all(list, text)).toEqual([]));
  test.each(["", "\n \r\n"])("no lines: %j", async (text) => expect(await all(either, text)).toEqual([]));
  test("an empty document", async () => expect(await all(document, " \n")).toEqual([]));
});

describe("a broken list says where", () => {
  test.each<[string, RegExp]>([
    ['[{"a": 1},\n {"a": b}]', /^a\.json row 2: invalid JSON at line 2, column 8, before "b}]"$/],
    ['[{"a": "é"}, {"a": b}]', /row 2: invalid JSON at line 1, column 20, before "b}]"/],
    ["[1,\n2,\n]", /row 3: invalid JSON at line 3, column 1, before "]"/],
    ["[,1]", /row 1: .*column 2, before ","/],
    ["[1 2]", /row 1: .*column 4, before "2]"/],
    ['[{"a": [1, 2}, {"a": 3}]', /row 1: .*column 13, before "}, /],
    ['[{"a": 1}}, 2]', /row 1: .*column 10, before "}"/],
    ['[{"a": 1]', /row 1: .*column 9, before "]"/],
    ['[{"a": 1}, {"a": "b', /row 2: .*line 1, column 18: the text ends too early/],
    ['[{"a": 1}', /row 1: .*column 10: the text ends too early/],
    ["[1] [2]", /after the list's end/],
    ["[1]\n]", /row 1: invalid JSON at line 2, column 1: there is text after the list's end/],
    ['["a\nb"]', /row 1: .*line 1, column 2/],
  ])("%j", async (text, message) => {
    await expect(all(list, text)).rejects.toThrow(AttuneError);
    await expect(all(list, text)).rejects.toThrow(message);
    await expect(
      all(
        list,
        text,
        Array.from(text, (_, i) => i),
      ),
    ).rejects.toThrow(message);
  });

  test("the rows before it have come", async () => {
    const rows: unknown[] = [];
    const reading = async () => {
      for await (const row of list(cut(utf8("[1, 2, x]"), []))) rows.push(row);
    };
    await expect(reading()).rejects.toThrow(/row 3/);
    expect(rows).toHaveLength(2);
  });

  test("a quotation mark that is missing is found, however much it swallows", async () => {
    const text = `[{"a": "x, "b": 1}, ${'{"a": "y"}, '.repeat(1000)}1]`;
    await expect(all(list, text)).rejects.toThrow(/row 1: invalid JSON at line 1, column 13, before "b/);
  });
});

describe("too large, or no text", () => {
  const large = JSON.stringify({ text: "x".repeat(2000) });

  test("a row of a list is an error", async () => {
    const message = /a\.json row 2, from line 2: the row has more than 1000 bytes/;
    for (const ends of [[], [500, 1200, 1900]])
      await expect(all(list, `[1,\n ${large}]`, ends)).rejects.toThrow(message);
  });

  test("a line is read over", async () => {
    for (const ends of [[], [500, 1200, 1900]]) {
      const rows = await all(lines, `1\n${large}\n3`, ends);
      expect(rows).toEqual([
        { row: 1, value: 1 },
        { row: 2, problem: "the row has 2011 bytes, more than may be" },
        { row: 3, value: 3 },
      ]);
    }
  });

  test("a row that is not UTF-8 is one that can't be used, a document an error", async () => {
    const broken = (text: string) => Uint8Array.from(utf8(text), (byte) => (byte === 0x23 ? 0xff : byte));
    const problem = { row: 2, problem: "not UTF-8 text" };
    expect(await all(list, broken('["a", "#", "b"]'))).toEqual([
      { row: 1, value: "a" },
      problem,
      { row: 3, value: "b" },
    ]);
    expect(await all(lines, broken('"a"\n"#"\n"b"'))).toMatchObject([
      { value: "a" },
      problem,
      { value: "b" },
    ]);
    await expect(all(document, broken("one\ntwo #"))).rejects.toThrow(/a\.txt: not UTF-8 text/);
    await expect(all(document, new Uint8Array([0x61, 0xc3]))).rejects.toThrow(/not UTF-8/);
  });

  test("UTF-16 is said to be so", async () => {
    await expect(all(unmarked, new Uint8Array([0xff, 0xfe, 0x5b, 0]))).rejects.toThrow(/a\.json: .*UTF-16/);
  });
});

describe("broken lines", () => {
  test("are rows with a problem", async () => {
    expect(await all(lines, '{"a": 1}\n{"a": 2,}\n{"a": "b\n{"a": 3}')).toEqual([
      { row: 1, value: { a: 1 } },
      { row: 2, problem: 'invalid JSON at column 9, before "}"' },
      { row: 3, problem: "invalid JSON at column 7: the text ends too early" },
      { row: 4, value: { a: 3 } },
    ]);
  });

  test("a first line that is cut is one of them", async () => {
    expect(await all(lines, '{"a": 1\n{"a": 2}')).toEqual([
      { row: 1, problem: "invalid JSON at column 8: the text ends too early" },
      { row: 2, value: { a: 2 } },
    ]);
    expect(await all(lines, '{"a": 1')).toHaveLength(1);
  });

  test("one object over several lines is explained", async () => {
    await expect(all(lines, '{\n  "data": []\n}')).rejects.toThrow(
      /^a\.jsonl: expected a list of rows, .*single object over several lines/,
    );
  });
});

describe("documents in pieces", () => {
  const pieces = async (text: string, ends: number[]) =>
    all((chunks) => readTextDocument(chunks, "a.txt"), text, ends);

  test("each but the last says that there is more", async () => {
    expect(await pieces(" \nabcd", [1, 3, 4])).toEqual([
      { row: 1, value: { text: " \na" }, more: true },
      { row: 1, value: { text: "b" }, more: true },
      { row: 1, value: { text: "cd" } },
    ]);
    expect(await pieces("abc", [])).toEqual([{ row: 1, value: { text: "abc" } }]);
    expect(await pieces(" \n ", [1])).toEqual([]);
  });

  test("put together they are a row; one that is too long has a problem", async () => {
    const whole =
      (limit?: number): Reader =>
      (chunks) =>
        wholeDocuments(readTextDocument(chunks, "a.txt"), limit);
    expect(await all(whole(), "abcdef", [2, 4])).toEqual([{ row: 1, value: { text: "abcdef" } }]);
    expect(await all(whole(4), "abcdef", [2, 4])).toEqual([
      { row: 1, problem: "the text has more than 4 characters" },
    ]);
  });
});
