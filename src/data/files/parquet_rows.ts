import { decompress as decompressZstd } from "fzstd";
import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type RowGroup,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { AttuneError } from "../../text/errors.ts";
import { parseJson } from "../../text/exact_json.ts";
import { concatBytes } from "./bytes.ts";
import type { DataRow } from "./data_row.ts";
import { checkPages, type Inflate } from "./parquet_pages.ts";
import { type ParquetSchema, plainValue } from "./parquet_values.ts";
import { WINDOW_LIMIT } from "./zstd.ts";

const MEMORY_LIMIT = 2 ** 30; // bytes of a row group, of a footer, or of a file that can't be read in parts
const PAGE_LIMIT = 256 * 2 ** 20; // bytes, decompressed
const GROUP_LIMIT = 2 ** 24; // rows: a few bytes can say that there are many
const ROWS_AT_ONCE = 1000; // where pages can be found one by one

/** A Blob, of which no more is read than is asked for. */
export const blobBuffer = (blob: Blob): AsyncBuffer => ({
  byteLength: blob.size,
  async slice(start, end = blob.size) {
    checkSize(end - start, "a part");
    return blob.slice(start, end).arrayBuffer();
  },
});

/** All of a stream, which can be read in its order only. @throws AttuneError when it is too large for that. */
export async function bufferOf(chunks: AsyncIterable<Uint8Array>, file: string): Promise<AsyncBuffer> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    size += chunk.length;
    if (size > MEMORY_LIMIT)
      throw new AttuneError({
        code: "data.parquet-too-large",
        place: file,
        problem: `Parquet of more than ${MEMORY_LIMIT} bytes can't be read from a stream`,
        wayOut: "Give the unpacked file",
      });
    parts.push(chunk);
  }
  const { buffer } = new Uint8Array(concatBytes(parts));
  return { byteLength: size, slice: async (start, end) => buffer.slice(start, end) };
}

/**
 * Rows of a Parquet file, a row group at a time, or less where the file has an index of its pages.
 * @throws AttuneError when it can't be read.
 */
export async function* readParquetRows(file: AsyncBuffer, name: string): AsyncGenerator<DataRow> {
  const metadata = await reading(file, name, (part) => parquetMetadataAsync(part, { geoparquet: false }));
  const schema = await reading(file, name, async () => parquetSchema(metadata));
  let row = 0;
  for (const { group, parts } of groupsOf(metadata, name)) {
    await reading(file, name, (part) => checkPages(part, metadata, group, inflate));
    for (const { rowStart, rowEnd } of parts) {
      const rows = await reading(file, name, (part) =>
        parquetReadObjects({
          file: part,
          metadata,
          rowStart,
          rowEnd,
          compressors: boundedCompressors,
          useOffsetIndex: true,
          geoparquet: false,
          parsers: { jsonFromBytes: (bytes) => bytes && parseJson(UTF8.decode(bytes)) },
        }),
      );
      for (const value of rows) yield { row: ++row, value: plainRow(value, schema, name) };
    }
  }
}

const UTF8 = new TextDecoder();

/** @throws AttuneError when it is nested too deeply. */
function plainRow(value: unknown, schema: ParquetSchema, name: string): unknown {
  try {
    return plainValue(value, schema);
  } catch (error) {
    throw unreadable(error, name);
  }
}

interface Group {
  group: RowGroup;
  parts: { rowStart: number; rowEnd: number }[]; // rows that are read together
}

function groupsOf({ row_groups }: FileMetaData, name: string): Group[] {
  let start = 0;
  return row_groups.map((group) => {
    const rows = Number(group.num_rows);
    const step = checkGroup(group, rows, name) ? ROWS_AT_ONCE : rows;
    const parts: Group["parts"] = [];
    for (let at = 0; at < rows; at += step)
      parts.push({ rowStart: start + at, rowEnd: start + Math.min(at + step, rows) });
    start += rows;
    return { group, parts };
  });
}

/** Whether the group has an index of its pages. @throws AttuneError when it is too large to be read. */
function checkGroup({ columns }: RowGroup, rows: number, name: string): boolean {
  if (!(rows >= 0 && rows <= GROUP_LIMIT))
    throw new AttuneError({
      code: "data.parquet-too-large",
      place: name,
      problem: `a row group of ${rows} rows is larger than ${GROUP_LIMIT}`,
    });
  const bytes = columns.reduce(
    (sum, { meta_data }) => sum + Number(meta_data?.total_uncompressed_size ?? 0),
    0,
  );
  const hasIndex = columns.every(({ offset_index_offset }) => offset_index_offset !== undefined);
  if (!hasIndex) checkSize(bytes, `${name}: a row group`);
  return hasIndex;
}

type Decompressor = (input: Uint8Array, outputLength: number) => Uint8Array;

/** What a page claims to hold is checked before it is made room for. */
const boundedCompressors = Object.fromEntries(
  Object.entries({
    ...compressors,
    ZSTD: (input: Uint8Array, size: number) => {
      checkPage(size, WINDOW_LIMIT);
      return decompressZstd(input, new Uint8Array(size));
    },
  } as Record<string, Decompressor>).map(([codec, inflate]): [string, Decompressor] => [
    codec,
    (input, size) => {
      checkPage(size, PAGE_LIMIT);
      return inflate(input, size);
    },
  ]),
);

const inflate: Inflate = (codec, input, size) => {
  const read = boundedCompressors[codec];
  if (!read) throw new Error(`its compression ${codec} is unknown`);
  return read(input, size);
};

function checkPage(size: number, limit: number): void {
  if (!(size >= 0 && size <= limit))
    throw new AttuneError({
      code: "data.parquet-too-large",
      problem: `a page of ${size} bytes is larger than ${limit}`,
      wayOut: "Write the file with smaller pages",
    });
}

export function checkSize(bytes: number, what: string): void {
  if (!(bytes <= MEMORY_LIMIT))
    throw new AttuneError({
      code: "data.parquet-too-large",
      problem: `${what} has ${bytes} bytes, more than ${MEMORY_LIMIT}`,
      wayOut: "Write the file with smaller row groups",
    });
}

/**
 * Gives `read` the file until it is done. hyparquet leaves promises behind when it throws, whose own errors would end
 * the process: what they wait for never comes.
 */
function reading<T>(file: AsyncBuffer, name: string, read: (file: AsyncBuffer) => Promise<T>): Promise<T> {
  let isOver = false;
  return new Promise<T>((resolve, reject) => {
    const fail = (error: unknown) => {
      isOver = true;
      reject(unreadable(error, name));
    };
    const slice = (start: number, end?: number) =>
      new Promise<ArrayBuffer>((give) => {
        const take = async () => file.slice(start, end);
        nextTask(() => isOver || take().then((bytes) => isOver || give(bytes), fail));
      });
    read({ byteLength: file.byteLength, slice }).then(resolve, fail);
  });
}

const nextTask: (task: () => void) => void = globalThis.setImmediate ?? ((task) => setTimeout(task)); // browsers have no setImmediate

function unreadable(error: unknown, name: string): AttuneError {
  const isOwnWords = !(error instanceof TypeError || error instanceof RangeError); // what a reader of damaged bytes runs into
  const why = isOwnWords ? (error as Error).message : "it is damaged";
  return new AttuneError(
    { code: "data.unreadable-parquet", place: name, problem: `the Parquet file can't be read: ${why}` },
    { cause: error },
  );
}
