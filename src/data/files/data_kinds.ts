import { AttuneError } from "../../text/errors.ts";

/** What a data file holds, once it is decompressed. */
export type DataKind = "json" | "csv" | "tsv" | "parquet" | "text";

const KINDS: ReadonlyMap<string, DataKind> = new Map([
  ["json", "json"], // a list or lines: the first character says
  ["jsonl", "json"],
  ["ndjson", "json"],
  ["csv", "csv"],
  ["tsv", "tsv"],
  ["parquet", "parquet"],
  ["txt", "text"],
  ["text", "text"],
  ["md", "text"],
]);

/** For messages. */
export const readEndings = `${[...KINDS.keys()].map((ending) => `.${ending}`).join(", ")}, each with .gz or .zst too`;

/** By the name's ending, before that of a compression; undefined when the ending is unknown. */
export const dataKindOf = (path: string): DataKind | undefined => KINDS.get(endingOf(path));

/** Of the name, in lower case, before that of a compression; "" when it has none. */
export function endingOf(path: string): string {
  const name = path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1).toLowerCase();
  return /[^.]\.([^.]+)$/.exec(name.replace(/\.(gz|zst)$/, ""))?.[1] ?? "";
}

const AS_TEXT = 'If it is to be trained as text, name it .txt, or write JSONL, a {"text": …} a line';

/** Endings of what is often taken for data, with what it is and what to do. */
const OTHERS: readonly [endings: string, what: string, wayOut: string][] = [
  ["xlsx xls xlsm xlsb ods numbers", "a spreadsheet", "Save the sheet as CSV"],
  [
    "pdf doc docx odt rtf pages epub mobi ppt pptx odp djvu ps",
    "a document for people, not plain text",
    'Take its text out, into a .txt file or JSONL, a {"text": …} a line',
  ],
  ["html htm xhtml xml svg tex rst org ipynb", "marked-up text", AS_TEXT],
  [
    "py js mjs ts tsx jsx java c h cc cpp hpp cs go rs rb php sh bash ps1 pl r jl scala kt swift lua sql css scss vue",
    "source code",
    AS_TEXT,
  ],
  ["yaml yml toml ini cfg conf env lock properties", "a file of settings", AS_TEXT],
  ["json5 jsonc hjson", "another kind of JSON", "Write plain JSON, or JSONL"],
  [
    "png jpg jpeg gif bmp tif tiff webp ico heic avif psd mp3 wav flac ogg m4a aac mp4 mkv avi mov webm",
    "an image, sound or film",
    "Only text is trained",
  ],
  ["zip tar tgz tbz tbz2 txz tzst 7z rar jar whl", "an archive", "Unpack it, and name the directory"],
  [
    "bz2 xz lzma lz4 br z snappy",
    "compressed in another way",
    "Decompress it, or compress it with gzip or zstd",
  ],
  [
    "arrow feather",
    "an Arrow file",
    "In Python, datasets' load_from_disk(…).to_parquet(…) writes one that is read",
  ],
  [
    "avro orc sqlite sqlite3 db duckdb mdb",
    "a database or table of another kind",
    "Export it as Parquet, CSV or JSONL",
  ],
  [
    "pkl pickle npy npz pt pth bin h5 hdf5 mat rds tfrecord tfrecords safetensors gguf onnx ckpt exe dll so o class",
    "binary data",
    "Export its rows as Parquet, CSV or JSONL",
  ],
];

/** @throws AttuneError for a name whose ending is none of those that are read. A name without an ending may be anything. */
export function checkEnding(path: string): void {
  const ending = endingOf(path);
  if (ending === "" || KINDS.has(ending)) return;
  throw notRead(path, `.${ending.slice(0, 20)}`, wayOutFor(ending));
}

function wayOutFor(ending: string): [what: string | undefined, wayOut: string] {
  const known = OTHERS.find(([endings]) => endings.split(" ").includes(ending));
  return known ? [known[1], known[2]] : [undefined, AS_TEXT];
}

function notRead(path: string, ending: string, [what, wayOut]: [string | undefined, string]): AttuneError {
  return new AttuneError({
    code: "data.unknown-ending",
    place: path,
    problem: `files that end in ${ending} are not read${what ? `: that is ${what}` : ""}`,
    expected: readEndings,
    wayOut,
  });
}

/** What a path's ending says it is, where that isn't data that is read: then it is a file's name, not a dataset's. */
export const isOtherFile = (path: string): boolean =>
  OTHERS.some(([endings]) => endings.split(" ").includes(endingOf(path)));
