import { hasCompressedName } from "./compression.ts";
import { checkEnding, dataKindOf } from "./data_kinds.ts";
import type { DataRow } from "./data_row.ts";
import { gunzipOnWeb } from "./gunzip_on_web.ts";
import { readStreamRows } from "./stream_rows.ts";
import { wholeDocuments } from "./text_document.ts";

/**
 * The rows of a data file that is given as a Blob, such as a page's File: a JSON list, JSONL, CSV, TSV, Parquet or plain text, as
 * the ending of its name says, each of them compressed with gzip or zstd, too. A row that is broken has a problem instead of a
 * value.
 * @throws AttuneError when it is of another kind, or damaged.
 */
export async function* readBlobRows(file: Blob, name: string): AsyncGenerator<DataRow> {
  checkEnding(name);
  const kind = dataKindOf(name);
  if (kind === "parquet" && !hasCompressedName(name)) {
    const { blobBuffer, readParquetRows } = await import("./parquet_rows.ts");
    yield* readParquetRows(blobBuffer(file), name);
  } else yield* wholeDocuments(readStreamRows(piecesOf(file), name, kind, gunzipOnWeb));
}

const PIECE = 256 * 1024; // bytes

async function* piecesOf(file: Blob): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.size; at += PIECE)
    yield new Uint8Array(await file.slice(at, at + PIECE).arrayBuffer());
}
