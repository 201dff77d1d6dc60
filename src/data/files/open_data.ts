import { type FileHandle, open, stat } from "node:fs/promises";
import { diskError } from "../../files/disk_error.ts";
import { hasCompressedName } from "./compression.ts";
import type { ReadColumns } from "./csv_rows.ts";
import { checkDataFile } from "./data_files.ts";
import { dataKindOf } from "./data_kinds.ts";
import type { DataRow } from "./data_row.ts";
import { gunzip } from "./gunzip.ts";
import { readStreamRows } from "./stream_rows.ts";

export { dataFiles } from "./data_files.ts";

const CHUNK = 256 * 1024; // bytes

/**
 * The rows of a data file, of which only a part is in memory at a time: a JSON list, JSONL, CSV, TSV, Parquet or plain
 * text, as its ending says, or its first bytes where the ending is unknown; each may be compressed with gzip or zstd. "-" is
 * standard input; `header` is asked for the columns of a CSV file. A row that is broken has a problem instead of a value.
 * @throws AttuneError when the file can't be read any further: it isn't there, is no such file, or is damaged.
 */
export async function* readDataFile(path: string, header?: ReadColumns): AsyncGenerator<DataRow> {
  if (path === "-") return yield* readStreamRows(process.stdin, "standard input", undefined, gunzip);
  const kind = dataKindOf(path);
  const handle = await openFile(path);
  try {
    if (kind === "parquet" && !hasCompressedName(path) && (await handle.stat()).isFile())
      yield* parquetRows(handle, path);
    else yield* readStreamRows(chunksOf(handle), path, kind, gunzip, header);
  } catch (error) {
    throw diskError(error, "read", path);
  } finally {
    await handle.close();
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    checkDataFile(await stat(path), path);
    return await open(path);
  } catch (error) {
    throw diskError(error, "read", path);
  }
}

/** Reads the code for Parquet only where there is some. */
async function* parquetRows(handle: FileHandle, path: string): AsyncGenerator<DataRow> {
  const { fileBuffer } = await import("./file_buffer.ts");
  const { readParquetRows } = await import("./parquet_rows.ts");
  yield* readParquetRows(await fileBuffer(handle), path);
}

async function* chunksOf(handle: FileHandle): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { bytesRead, buffer } = await handle.read(new Uint8Array(CHUNK), 0, CHUNK, null);
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}
