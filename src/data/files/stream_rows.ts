import { peekBytes } from "./bytes.ts";
import { compressionOf, decompress, type Gunzip } from "./compression.ts";
import type { ReadColumns } from "./csv_rows.ts";
import type { DataKind } from "./data_kinds.ts";
import type { DataRow } from "./data_row.ts";
import { readTextRows } from "./text_rows.ts";

type Bytes = AsyncIterable<Uint8Array>;

const HEAD = 4; // bytes that tell Parquet and the compressions

export const isParquet = (head: Uint8Array): boolean =>
  String.fromCharCode(...head.subarray(0, 4)) === "PAR1";

/** Rows of what can be read in its order only, compressed or not. @throws AttuneError */
export async function* readStreamRows(
  stream: Bytes,
  file: string,
  kind: DataKind | undefined,
  gunzip: Gunzip,
  header?: ReadColumns,
): AsyncGenerator<DataRow> {
  const { head, chunks } = await peekBytes(stream, ({ length }) => length >= HEAD);
  const compression = compressionOf(head, file);
  if (compression) yield* plainRows(decompress(chunks, compression, file, gunzip), file, kind, header);
  else yield* plainRows(chunks, file, kind, header);
}

async function* plainRows(
  stream: Bytes,
  file: string,
  kind: DataKind | undefined,
  header?: ReadColumns,
): AsyncGenerator<DataRow> {
  const { head, chunks } = await peekBytes(stream, ({ length }) => length >= HEAD);
  if (kind !== "parquet" && (kind !== undefined || !isParquet(head)))
    return yield* readTextRows(chunks, file, kind, header);
  const { bufferOf, readParquetRows } = await import("./parquet_rows.ts"); // a page loads it when it meets one
  yield* readParquetRows(await bufferOf(chunks, file), file);
}
