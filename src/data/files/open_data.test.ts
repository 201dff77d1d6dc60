import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { randomUniform } from "../../random/random.ts";
import { AttuneError } from "../../text/errors.ts";
import type { DataRow } from "./data_row.ts";
import { readDataFile } from "./open_data.ts";
import { WINDOW_LIMIT } from "./zstd.ts";

const at = temporaryDirectory();
const golden = (name: string) => fileURLToPath(new URL(`goldens/${name}`, import.meta.url));

async function all(path: string): Promise<DataRow[]> {
  const rows: DataRow[] = [];
  for await (const row of readDataFile(path)) rows.push(row);
  return rows;
}

/** The rows of a file of that name and content. */
function readFile(name: string, content: string | Uint8Array): Promise<DataRow[]> {
  writeFileSync(at(name), content);
  return all(at(name));
}

const values = [{ text: "é 你好 😀" }, { text: "two" }];
const rows = values.map((value, i) => ({ row: i + 1, value }));
const list = JSON.stringify(values);
const lines = values.map((value) => JSON.stringify(value)).join("\n");

/** A Zstandard frame of one block (RFC 8878): its content as it is, or one byte many times. */
function zstdFrame(content: Uint8Array, { window = 0, repeat = 0 } = {}): Uint8Array {
  const size = repeat || content.length;
  const block = 1 | ((repeat ? 1 : 0) << 1) | (size << 3);
  const header = [0x28, 0xb5, 0x2f, 0xfd, 0, window, block & 255, (block >> 8) & 255, block >> 16];
  return new Uint8Array([...header, ...content]);
}

const skippable = new Uint8Array([0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
const bytes = (text: string) => new TextEncoder().encode(text);

describe("kinds of file, by their ending", () => {
  test.each([
    ["a.json", list],
    ["a.JSON", `\ufeff${list}`],
    ["a.json", lines],
    ["a.jsonl", `${lines}\r\n`],
    ["a.ndjson", list],
    ["a.csv", "text\r\né 你好 😀\r\ntwo\r\n"],
    ["a.tsv", "\ufefftext\né 你好 😀\ntwo"],
    ["a", lines],
  ])("%s", async (name, content) => expect(await readFile(name, content)).toEqual(rows));

  test.each(["a.txt", "a.md", "a"])("%s is a document", async (name) => {
    expect(await readFile(name, "\ufeffone\r\n\r\n[two]")).toEqual([
      { row: 1, value: { text: "one\r\n\r\n[two]" } },
    ]);
  });

  test("the ending decides: a text file that begins like JSON is a document", async () => {
    expect(await readFile("a.txt", list)).toEqual([{ row: 1, value: { text: list } }]);
  });

  test.each(["a.json", "a.csv", "a.txt", "a", "a.jsonl.gz"])("an empty %s has no rows", async (name) => {
    expect(await readFile(name, "")).toEqual([]);
  });

  test("one that isn't there, or is a directory", async () => {
    await expect(all(at("none.json"))).rejects.toThrow(/Cannot read .*none\.json: there is no such file/);
    await expect(all(at())).rejects.toThrow(/is a directory/);
  });

  test("a broken list names the file", async () => {
    await expect(readFile("a.json", '[{"a": 1}, x]')).rejects.toThrow(
      /a\.json row 2: invalid JSON at line 1, column 12/,
    );
  });
});

describe("CSV and TSV", () => {
  const valuesOf = async (name: string, content: string) =>
    (await readFile(name, content)).map((row) => ("value" in row ? row.value : row.problem));

  test("quoted fields: commas, line ends, doubled quotation marks", async () => {
    const content = 'a,"b, c"\n"1, ""2""","x\r\ny"\n\n,\n';
    expect(await valuesOf("a.csv", content)).toEqual([
      { a: '1, "2"', "b, c": "x\r\ny" },
      { a: "", "b, c": "" },
    ]);
  });

  test("tabs, and quotation marks within a field", async () => {
    expect(await valuesOf("a.tsv", 'a\tb\n5" pipe, long\t"x\ty"\n')).toEqual([
      { a: '5" pipe, long', b: "x\ty" },
    ]);
  });

  test("a row with too many or too few fields can't be used", async () => {
    expect(await valuesOf("a.csv", "a,b\n1,2\n3\n4,5,6\n7,8\n")).toEqual([
      { a: "1", b: "2" },
      "line 3 has 1 fields, and there are 2 columns",
      "line 4 has 3 fields, and there are 2 columns",
      { a: "7", b: "8" },
    ]);
  });

  test("a column named like the prototype is a column", async () => {
    const [value] = await valuesOf("a.csv", "__proto__,b\nx,y\n");
    expect(Object.keys(value as object)).toEqual(["__proto__", "b"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });

  test.each([
    ['a,b\n1,"2\n3,4\n', /a\.csv: the quotation mark that line 2 opens is never closed/],
    ['a,b\n1,2\n"3"x,4\n', /a\.csv: line 3: a field goes on after .*double those inside/],
    ['a,b\n1,2"\n', /a\.csv: line 2: a quotation mark is within a field/],
    ["a,b,a\n1,2,3\n", /a\.csv: .*"a" twice/],
    ["a,,\n1,2,3\n", /several without a name/],
  ])("%j is an error", async (content, message) => {
    await expect(readFile("a.csv", content)).rejects.toThrow(AttuneError);
    await expect(readFile("a.csv", content)).rejects.toThrow(message);
  });

  test("what is no UTF-8 is an error", async () => {
    const content = new Uint8Array([...bytes("a\nb\n"), 0xff, 0x0a]);
    await expect(readFile("a.csv", content)).rejects.toThrow(/a\.csv: not UTF-8 text/);
  });
});

describe("compressed", () => {
  test.each([
    ["a.jsonl.gz", gzipSync(lines)],
    ["a.json.gz", gzipSync(list)],
    ["a.gz", gzipSync(list)],
    ["a", gzipSync(list)],
    ["a.json", gzipSync(list)],
    [
      "two members, a.jsonl.gz".slice(13),
      Buffer.concat([gzipSync(`${lines.split("\n")[0]}\n`), gzipSync(lines.split("\n")[1]!)]),
    ],
    ["a.json.zst", zstdFrame(bytes(list))],
    ["a", zstdFrame(bytes(list))],
    [
      "b.json.zst",
      Buffer.concat([zstdFrame(bytes(list.slice(0, 9))), skippable, zstdFrame(bytes(list.slice(9)))]),
    ],
  ])("%s", async (name, content) => expect(await readFile(name, content)).toEqual(rows));

  test("what the zstd library writes: several blocks", async () => {
    const read = await all(golden("lines.jsonl.zst"));
    expect(read).toEqual(
      Array.from({ length: 3000 }, (_, i) => ({
        row: i + 1,
        value: { text: `line ${i}: ${"word ".repeat(i % 40)}` },
      })),
    );
  });

  test.each<[string, Uint8Array, RegExp]>([
    ["a.json.gz", gzipSync(list).subarray(0, -12), /a\.json\.gz: the gzip data is damaged or cut/],
    ["a.json.gz", gzipSync(list).fill(7, 12, 30), /the gzip data is damaged/],
    ["a.json.gz", bytes(list), /a\.json\.gz: the file doesn't begin as gzip data does/],
    ["a.json.zst", bytes(list), /doesn't begin as zstd data/],
    [
      "a.json.zst",
      zstdFrame(bytes(list)).subarray(0, -3),
      /a\.json\.zst: the zstd data is damaged or cut: it ends too early/,
    ],
    ["a.json.zst", zstdFrame(bytes(list)).subarray(0, 7), /ends too early/],
    ["a.json.zst", Buffer.concat([zstdFrame(bytes(list)), bytes("and more")]), /other data after/],
    ["a.json.zst", new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 1, 0, 9, 0, 0]), /needs a dictionary/],
    [
      "a.json.zst",
      zstdFrame(bytes(list), { window: 16 << 3 }),
      /needs a window of 67108864 bytes, more than/,
    ],
  ])("%s: %#", async (name, content, message) => {
    await expect(readFile(name, content)).rejects.toThrow(AttuneError);
    await expect(readFile(name, content)).rejects.toThrow(message);
  });

  test("a window as large as may be is read", async () => {
    expect(2 ** 25).toBe(WINDOW_LIMIT);
    expect(await readFile("a.json.zst", zstdFrame(bytes(list), { window: 15 << 3 }))).toEqual(rows);
  });

  test("what claims to become very large is read over, in little memory", async () => {
    const frame = zstdFrame(new Uint8Array([0x78]), { window: 7 << 3, repeat: 128 * 1024 });
    const block = frame.slice(6, 9);
    block[0]! &= 0xfe; // not the last one
    const blocks = Array.from({ length: 800 }, () => Buffer.from([...block, 0x78]));
    const bomb = Buffer.concat([frame.subarray(0, 6), ...blocks, frame.subarray(6)]);
    const before = process.memoryUsage().rss;
    expect(await readFile("a.jsonl.zst", bomb)).toEqual([
      { row: 1, problem: `the row has ${801 * 128 * 1024} bytes, more than may be` },
    ]);
    expect(process.memoryUsage().rss - before).toBeLessThan(600 * 2 ** 20);
  });
});

describe("Parquet", () => {
  const texts = ["Add.", "Übersetze: 你好", "😀", "", "Last."];
  const expected = texts.map((instruction, i) => ({
    row: i + 1,
    value: { instruction, input: i % 2 ? null : "in", output: `out ${i}` },
  }));
  const footer = (file: Uint8Array) => new DataView(file.buffer).getUint32(file.length - 8, true);
  const fill = ({ row, value }: { row: number; value?: unknown }) => {
    const { input = null, ...rest } = value as Record<string, unknown>;
    return { row, value: { input, ...rest } };
  };

  test("row groups, one after the other", async () => {
    expect((await all(golden("rows.parquet"))).map(fill)).toEqual(expected);
  });

  test("by its first bytes, and compressed", async () => {
    const file = readFileSync(golden("rows.parquet"));
    for (const [name, content] of [
      ["a", file],
      ["a.parquet.gz", gzipSync(file)],
      ["b", gzipSync(file)],
    ] as const)
      expect((await readFile(name, content)).map(fill)).toEqual(expected);
  });

  test("lists of structs, page by page where there is an index", async () => {
    const read = await all(golden("messages.parquet"));
    expect(read).toHaveLength(3000);
    read.forEach((row, i) => {
      expect(row).toEqual({
        row: i + 1,
        value: {
          messages: [
            { role: "user", content: `question ${i}` },
            { role: "assistant", content: `answer ${i}` },
          ],
        },
      });
    });
  });

  test("types that JSON has no word for", async () => {
    const [first, second] = await all(golden("types.parquet"));
    expect(first).toEqual({
      row: 1,
      value: {
        text: "one",
        small: 7,
        large: "4611686018427387904",
        unsigned: 4294967295,
        half: 0.5,
        flag: true,
        time: "2024-02-29T12:30:00.000Z",
        day: "2024-02-29T00:00:00.000Z",
        input_ids: [1, 2, 3],
        nested: { a: { b: "deep" } },
      },
    });
    expect(second).toMatchObject({ value: { large: "-4611686018427387904", flag: false, input_ids: [] } });
  });

  test.each<[string, (file: Uint8Array) => Uint8Array]>([
    ["cut", (file) => file.subarray(0, file.length - 20)],
    ["a few bytes", () => bytes("PAR1")],
    ["nothing", () => new Uint8Array(0)],
    ["no Parquet", () => brotliCompressSync(list)],
    ["a page damaged", (file) => file.fill(255, 4, 60)],
    ["the footer damaged", (file) => file.fill(255, file.length - 8 - footer(file), file.length - 200)],
    ["a footer's length that lies", (file) => file.fill(255, file.length - 8, file.length - 4)],
  ])("%s is an error", async (_, damage) => {
    const file = damage(new Uint8Array(readFileSync(golden("rows.parquet"))));
    await expect(readFile("a.parquet", file)).rejects.toThrow(AttuneError);
    await expect(readFile("a.parquet", file)).rejects.toThrow(/a\.parquet: the Parquet file can't be read/);
  });
});

describe("bytes that were changed", () => {
  test.each([
    ["rows.parquet", 200],
    ["types.parquet", 100],
    ["nested.parquet", 100],
    ["lines.jsonl.zst", 20],
  ])("%s: rows, or an error; nothing else, and no promise left to fail", async (name, times) => {
    const file = readFileSync(golden(name));
    let refused = 0;
    for (let i = 0; i < times; i++) {
      const changed = new Uint8Array(file);
      for (const purpose of ["first", "second"]) {
        const place = Math.floor(randomUniform(i, purpose, 0, 0) * file.length);
        changed[place] = randomUniform(i, purpose, 0, 1) * 256;
      }
      try {
        await readFile(name, changed);
      } catch (error) {
        expect(error).toBeInstanceOf(AttuneError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(0);
  });
});

test("standard input, by its first bytes", () => {
  const script = `
    import { readDataFile } from ${JSON.stringify(new URL("open_data.ts", import.meta.url).href)};
    for await (const row of readDataFile("-")) console.log(JSON.stringify(row));
  `;
  const options = ["--import", "tsx", "--input-type=module", "--eval", script];
  for (const input of [list, gzipSync(list)]) {
    const out = execFileSync(process.execPath, options, { input, encoding: "utf8" });
    expect(
      out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toEqual(rows);
  }
});

test("a very wide header takes a time that grows as it does", async () => {
  const columns = Array.from({ length: 200_000 }, (_, i) => `c${i}`);
  const [row] = await readFile("wide.csv", `${columns.join(",")}\n${columns.join(",")}\n`);
  expect(Object.keys((row as { value: object }).value)).toHaveLength(200_000);
  await expect(readFile("twice.csv", `${columns.join(",")},c7\n`)).rejects.toThrow(/"c7" twice/);
});
