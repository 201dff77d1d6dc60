import { execFileSync } from "node:child_process";
import { symlinkSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { AttuneError } from "../../text/errors.ts";
import { checkText } from "./check_text.ts";
import { dataFiles } from "./data_files.ts";
import { checkEnding, endingOf } from "./data_kinds.ts";
import { guessEncoding } from "./encoding.ts";
import { readDataFile } from "./open_data.ts";

const at = temporaryDirectory();
const utf8 = (text: string) => new TextEncoder().encode(text);
const bytes = (latin1: string) => Buffer.from(latin1, "latin1");

async function all(path: string) {
  const rows = [];
  for await (const row of readDataFile(path)) rows.push(row);
  return rows;
}

function readFile(name: string, content: Uint8Array) {
  writeFileSync(at(name), content);
  return all(at(name));
}

describe("endings", () => {
  test.each<[string, RegExp]>([
    [
      "a.xlsx",
      /\.xlsx are not read: that is a spreadsheet.*expected \.json, \.jsonl.*\.txt.*Save the sheet as CSV/,
    ],
    ["a.XLS.gz", /\.xls are not read: that is a spreadsheet/],
    ["a.pdf", /that is a document for people/],
    ["a.docx", /that is a document/],
    ["a.py", /that is source code.*name it \.txt, or write JSONL/],
    ["a.png", /that is an image/],
    ["a.zip", /that is an archive.*Unpack it/],
    ["a.tar.gz", /that is an archive/],
    ["a.tgz", /that is an archive/],
    ["a.jsonl.bz2", /compressed in another way.*gzip or zstd/],
    ["a.arrow", /to_parquet/],
    ["a.sqlite", /Export it as Parquet/],
    ["a.pkl", /binary data/],
    ["a.html", /marked-up text/],
    ["a.yaml", /a file of settings/],
    ["a.log", /files that end in \.log are not read;.*name it \.txt/],
    ["a.jsonl.bak", /\.bak are not read/],
    ["data.v2", /\.v2 are not read/],
    [`a.${"x".repeat(1000)}`, /files that end in \.x{20} are/],
  ])("%.20s is refused", async (name, message) => {
    expect(() => checkEnding(name)).toThrow(AttuneError);
    expect(() => checkEnding(name)).toThrow(message);
    if (name.length > 200) return;
    await expect(readFile(name, utf8("text"))).rejects.toThrow(message);
    await expect(dataFiles(at(name))).rejects.toThrow(message);
  });

  test.each(["a.json", "a.JSONL", "a.csv.gz", "a.txt.zst", "a", "a.gz", "x.y/a", ".hidden", "dir.py/corpus"])(
    "%s is read",
    (name) => expect(() => checkEnding(name)).not.toThrow(),
  );

  test.each([
    ["a.b/c", ""],
    ["C:\\x.y\\a.json", "json"],
    ["a.tar.gz", "tar"],
    ["..", ""],
    [".gz", ""],
  ])("of %s: %s", (path, ending) => expect(endingOf(path)).toBe(ending));
});

describe("what is no text under a text's name", () => {
  const contents: [what: string, content: Uint8Array][] = [
    ["a PNG image", bytes("\x89PNG\r\n\x1a\n\0\0\0\rIHDR")],
    ["a JPEG image", bytes("\xff\xd8\xff\xe0\0\x10JFIF\0")],
    ["a PDF document", utf8("%PDF-1.4\n1 0 obj\n")],
    ["a zip archive, or a spreadsheet", bytes("PK\x03\x04\x14\0\x06\0[Content_Types].xml")],
    ["an old Office document", bytes("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")],
    ["a Parquet file", bytes("PAR1\x15\x04\x15\x10")],
    ["an Arrow file", bytes("ARROW1\0\0\xff\xff\xff\xff")],
    ["a tar archive", Buffer.concat([bytes("a.txt").subarray(), Buffer.alloc(252), bytes("ustar\x0000")])],
    ["a film", bytes("\0\0\0 ftypisom")],
    ["compressed with bzip2", bytes("BZh91AY&SY\x01\x02\xff")],
    ["a SQLite database", bytes("SQLite format 3\0")],
    ["GGUF weights", bytes("GGUF\x03\0\0\0")],
    ["binary data", bytes("\x01\x02\0\0\x07\0\0\0\x05\0\0\0")],
  ];

  test.each(contents)("%s", async (what, content) => {
    for (const name of ["a.txt", "a.jsonl", "a.csv", "a.md"])
      await expect(readFile(name, content), name).rejects.toThrow(`${name}: it is ${what}`);
    if (what !== "a Parquet file")
      await expect(readFile("noending", content)).rejects.toThrow(`it is ${what}`);
    await expect(readFile("b.txt.gz", gzipSync(content))).rejects.toThrow(`it is ${what}`);
  });

  test.each([
    "PAR1 is a word",
    "GIF8 images",
    "RIFF on a theme",
    "BZh",
    "Rar! it said",
    "ID3 tags",
    "PK sheet one",
    "7z files",
  ])("a text that begins %j is one", async (text) =>
    expect(await readFile("a.txt", utf8(text))).toEqual([{ row: 1, value: { text } }]),
  );
});

describe("encodings", () => {
  const chinese = '{"instruction": "请把这句话翻译成英文。", "output": "请稍等，我们今天下午两点开会。"}\n';
  const gbk = Buffer.from(
    "7b22696e737472756374696f6e223a2022c7ebb0d1d5e2bee4bbb0b7add2ebb3c9d3a2cec4a1a3222c20226f7574707574223a2022c7ebc9d4b5c8a3acced2c3c7bdf1cceccfc2cee7c1bdb5e3bfaabbe1a1a3227d0a",
    "hex",
  );
  const utf16 = (text: string, order: "LE" | "BE", mark: boolean) => {
    const little = Buffer.from((mark ? "\ufeff" : "") + text, "utf16le");
    return order === "LE" ? little : little.swap16();
  };

  test.each<[string, Uint8Array, RegExp]>([
    [
      "UTF-16 with a mark, little-endian",
      utf16(chinese, "LE", true),
      /UTF-16, not UTF-8.*iconv -f UTF-16 -t UTF-8/,
    ],
    ["UTF-16 with a mark, big-endian", utf16(chinese, "BE", true), /UTF-16, not/],
    ["UTF-16 without, little-endian", utf16(chinese, "LE", false), /UTF-16LE, not UTF-8.*iconv -f UTF-16LE/],
    ["UTF-16 without, big-endian", utf16(chinese, "BE", false), /UTF-16BE, not/],
    ["UTF-16 without, Latin", utf16('{"text": "A plain sentence, as usual."}', "LE", false), /UTF-16LE, not/],
    ["UTF-16 without, Russian", utf16("Просто текст. ".repeat(9), "BE", false), /UTF-16BE, not/],
    [
      "UTF-16 without, nothing but ideographs",
      utf16("请稍等我们今天下午两点开会".repeat(4), "LE", false),
      /UTF-16LE/,
    ],
    ["UTF-32", bytes("\xff\xfe\0\0a\0\0\0"), /UTF-32, not/],
    ["GBK", gbk, /GB18030 \(GBK\), not UTF-8.*iconv -f GB18030 -t UTF-8/],
  ])("%s is named", async (_, content, message) => {
    for (const name of ["a.txt", "a.jsonl", "a.json", "a.csv", "noending"])
      await expect(readFile(name, content), name).rejects.toThrow(message);
  });

  test("far into a file it is named where it is met", async () => {
    const ascii = `${"a line of plain text\n".repeat(30_000)}`;
    await expect(readFile("a.txt", Buffer.concat([utf8(ascii), gbk]))).rejects.toThrow(
      /the text is GB18030 \(GBK\), not UTF-8, near line \d+/,
    );
    const rows = await readFile("a.jsonl", Buffer.concat([utf8('{"text": "a"}\n'.repeat(1000)), gbk]));
    expect(rows.at(-1)).toEqual({ row: 1001, problem: "the text is GB18030 (GBK), not UTF-8" });
  });

  test.each<[string, Uint8Array]>([
    ["Latin-1", bytes("Un café, s'il vous plaît, et présentez-vous. ".repeat(20))],
    [
      "Windows-1251",
      Uint8Array.from("Просто русский текст ".repeat(20), (c) =>
        c === " " ? 32 : (c.charCodeAt(0) - 0x350) & 255,
      ),
    ],
    ["EUC-JP", Buffer.from("a4b3a4cec6fccbdcb8eca4cfa4c7a4b9a4cda1a3".repeat(9), "hex")],
    ["Shift JIS", Buffer.from("82b182cc93fa967b8cea82cd82c582b782cb8142".repeat(9), "hex")],
    ["EUC-KR", Buffer.from("bec8b3e7c7cfbcbcbfe4b4d9bdc3c7d1b1b9beee".repeat(9), "hex")],
    ["Big5", Buffer.from("a741a66eaabab866a45fa4a4a4e5aeb9aabaa6b3".repeat(9), "hex")],
  ])("%s is not mistaken for another", async (_, content) => {
    expect(guessEncoding(content)).toBeUndefined();
    await expect(readFile("a.txt", content)).rejects.toThrow(
      /a\.txt: not UTF-8 text, near line 1\. Save it as UTF-8/,
    );
  });

  test.each([chinese, "é", "日本語のテキスト", "😀".repeat(3000), `${"x".repeat(4095)}é`])(
    "UTF-8 is text: %.20j",
    (text) => expect(() => checkText(utf8(text).subarray(0, 4096), "a.txt")).not.toThrow(),
  );
});

describe("what never ends", () => {
  const fifo = (name: string) => {
    execFileSync("mkfifo", [at(name)]);
    return at(name);
  };

  test("a named pipe is refused, as a file and in a directory", async () => {
    const pipe = fifo("p.jsonl");
    await expect(dataFiles(pipe)).rejects.toThrow(
      /p\.jsonl: it is a named pipe \(FIFO\), not a file.*path: "-"/,
    );
    await expect(all(pipe)).rejects.toThrow(/named pipe/);
    await expect(dataFiles(at())).rejects.toThrow(/p\.jsonl: it is a named pipe/);
    symlinkSync(pipe, at("link.jsonl"));
    await expect(all(at("link.jsonl"))).rejects.toThrow(/named pipe/);
  });

  test.each(["/dev/zero", "/dev/null"])("%s is refused", async (device) => {
    await expect(dataFiles(device)).rejects.toThrow(`${device}: it is a device, not a file`);
    await expect(all(device)).rejects.toThrow(/it is a device/);
  });
});
