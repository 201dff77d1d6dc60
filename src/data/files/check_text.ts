import { AttuneError } from "../../text/errors.ts";
import type { DataKind } from "./data_kinds.ts";
import { describeEncoding, guessEncoding, markedEncoding, type TextEncoding } from "./encoding.ts";

/** Bytes of a file that are looked at. */
export const TEXT_HEAD = 4096;

/** How files begin that are no text; a place other than the first byte is given. */
const MAGIC: readonly [what: string, start: string, at?: number][] = [
  ["a Parquet file", "PAR1"],
  ["an Arrow file", "ARROW1"],
  ["a PDF document", "%PDF-"],
  ["a zip archive, or a spreadsheet or document that is one inside", "PK\x03\x04"],
  ["an empty zip archive", "PK\x05\x06"],
  ["an old Office document", "\xd0\xcf\x11\xe0"],
  ["a PNG image", "\x89PNG"],
  ["a JPEG image", "\xff\xd8\xff"],
  ["a GIF image", "GIF8"],
  ["a TIFF image", "II*\x00"],
  ["a TIFF image", "MM\x00*"],
  ["a WebP image, or sound or film", "RIFF"],
  ["a sound", "ID3"],
  ["a sound", "OggS"],
  ["a sound", "fLaC"],
  ["a film", "ftyp", 4],
  ["a tar archive", "ustar", 257],
  ["a 7z archive", "7z\xbc\xaf"],
  ["a RAR archive", "Rar!"],
  ["compressed with xz", "\xfd7zXZ"],
  ["compressed with bzip2", "BZh"],
  ["compressed with gzip twice", "\x1f\x8b"],
  ["compressed with lz4", "\x04\x22\x4d\x18"],
  ["a program", "\x7fELF"],
  ["a SQLite database", "SQLite format 3"],
  ["an HDF5 file", "\x89HDF"],
  ["a NumPy array", "\x93NUMPY"],
  ["GGUF weights", "GGUF"],
];

/**
 * Looks at how a file of text begins, whatever its name.
 * @throws AttuneError when that is no text, or text in another encoding than UTF-8, naming what it is.
 */
export function checkText(head: Uint8Array, file: string, kind?: DataKind): void {
  const marked = markedEncoding(head);
  if (marked) throw wrongEncoding(file, marked);
  const what = whatItIs(head);
  if (what) throw notText(file, what, kind);
  if (head.includes(0)) {
    const encoding = guessEncoding(head);
    throw encoding
      ? wrongEncoding(file, encoding)
      : notText(file, "binary data: there is a zero byte in it", kind);
  }
  if (isUtf8(head)) return;
  const encoding = guessEncoding(head);
  if (encoding) throw wrongEncoding(file, encoding);
}

export const wrongEncoding = (file: string, encoding: TextEncoding | undefined, where = ""): AttuneError => {
  const { problem, wayOut } = describeEncoding(encoding);
  return new AttuneError({ code: "data.encoding", place: file, problem: problem + where, wayOut });
};

/** A text may begin with such letters, too: but a PDF document, other files have bytes among them that no text has. */
function whatItIs(head: Uint8Array): string | undefined {
  const found = MAGIC.find(([, start, at = 0]) =>
    Array.from(start).every((char, i) => head[at + i] === char.charCodeAt(0)),
  );
  const mayBeText = found?.[1] !== "%PDF-" && isUtf8(head) && !hasControls(head);
  return mayBeText ? undefined : found?.[0];
}

const hasControls = (head: Uint8Array): boolean =>
  head.some((byte) => byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d && byte !== 0x0c);

/** Its last character may be cut off. */
function isUtf8(head: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}

function notText(file: string, what: string, kind: DataKind | undefined): AttuneError {
  const isTable = what === "a Parquet file";
  return new AttuneError({
    code: "data.not-text",
    place: file,
    problem: `it is ${what}`,
    expected: kind === "json" ? "JSON" : kind === "csv" || kind === "tsv" ? "CSV" : "text",
    wayOut: isTable ? "Name it .parquet" : "Write its rows or its text as JSONL, CSV or .txt, in UTF-8",
  });
}
