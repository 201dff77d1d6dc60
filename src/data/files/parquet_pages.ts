import type { AsyncBuffer, ColumnMetaData, FileMetaData, RowGroup } from "hyparquet";
import { readOffsetIndex } from "hyparquet";
import { ByteReader, readThrift, type ThriftStruct } from "./parquet_thrift.ts";

/**
 * Checks the pages of a row group before they are decoded. hyparquet trusts the counts that a page holds: a few bytes
 * that claim millions of values end the process. Pages are read one by one, so this takes a page's memory.
 *
 * Source: https://parquet.apache.org/docs/file-format/data-pages/encodings/
 */
export async function checkPages(
  file: AsyncBuffer,
  metadata: FileMetaData,
  group: RowGroup,
  inflate: Inflate,
): Promise<void> {
  for (const { meta_data, offset_index_offset, offset_index_length } of group.columns) {
    if (!meta_data) continue; // refused by hyparquet
    const places = await checkColumn(file, { ...levelsOf(metadata, meta_data), meta: meta_data, inflate });
    if (offset_index_offset !== undefined && offset_index_length)
      await checkIndex(file, Number(offset_index_offset), offset_index_length, places);
  }
}

/** Decompresses a page. @throws when `size` is too large to be made room for. */
export type Inflate = (codec: string, input: Uint8Array, size: number) => Uint8Array;

interface Column {
  meta: ColumnMetaData;
  maxRepetition: number;
  maxDefinition: number;
  inflate: Inflate;
}

const VALUES_IN_PAGE = 2 ** 24;
const VALUES_IN_GROUP = 2 ** 26; // of one column
const HEADER_LIMIT = 2 ** 24; // bytes: a header can hold statistics
const PADDING = 512; // values that writers add to the last run of a page
const EXPANDED_LIMIT = 2 ** 30; // bytes that front-coded texts of one page take

const PLAIN_DICTIONARY = 2;
const RLE = 3;
const DELTA_BINARY_PACKED = 5;
const DELTA_LENGTH_BYTE_ARRAY = 6;
const DELTA_BYTE_ARRAY = 7;
const RLE_DICTIONARY = 8;

function levelsOf({ schema }: FileMetaData, { path_in_schema }: ColumnMetaData) {
  let at = 0;
  let maxRepetition = 0;
  let maxDefinition = 0;
  for (const name of path_in_schema) {
    at = childOf(schema, at, name);
    const repetition = schema[at]!.repetition_type;
    if (repetition === "REPEATED") maxRepetition++;
    if (repetition !== "REQUIRED") maxDefinition++;
  }
  return { maxRepetition, maxDefinition };
}

/** Index of the child by its name: the schema is a tree in depth-first order. */
function childOf(schema: FileMetaData["schema"], parent: number, name: string): number {
  let at = parent + 1;
  for (let i = 0; i < (schema[parent]?.num_children ?? 0); i++) {
    if (schema[at]?.name === name) return at;
    at = afterSubtree(schema, at);
  }
  throw new Error("a column is missing from the schema");
}

function afterSubtree(schema: FileMetaData["schema"], at: number): number {
  let open = 1;
  while (open > 0 && at < schema.length) open += (schema[at++]!.num_children ?? 0) - 1;
  return at;
}

/** Where the column's pages begin. */
async function checkColumn(file: AsyncBuffer, column: Column): Promise<Set<number>> {
  const { meta } = column;
  const start = Number(meta.dictionary_page_offset || meta.data_page_offset);
  const end = start + Number(meta.total_compressed_size);
  const places = new Set<number>();
  let values = 0;
  for (let at = start; at < end - 1; ) {
    places.add(at);
    const { header, size } = await readHeader(file, at, end);
    const compressed = count(header, 3, HEADER_LIMIT * 64);
    const page = new Uint8Array(await file.slice(at + size, Math.min(end, at + size + compressed)));
    values += checkPage(header, page, column);
    if (values > VALUES_IN_GROUP)
      throw new Error(`a column has more than ${VALUES_IN_GROUP} values in a row group`);
    at += size + compressed;
  }
  return places;
}

async function readHeader(
  file: AsyncBuffer,
  at: number,
  end: number,
): Promise<{ header: ThriftStruct; size: number }> {
  for (let window = 2 ** 12; ; window *= 4) {
    const isAll = at + window >= end || window >= HEADER_LIMIT;
    const reader = new ByteReader(new Uint8Array(await file.slice(at, Math.min(at + window, end))));
    try {
      return { header: readThrift(reader), size: reader.at };
    } catch (error) {
      if (isAll) throw error;
    }
  }
}

/** Values that the page holds, as checked. */
function checkPage(header: ThriftStruct, bytes: Uint8Array, column: Column): number {
  const size = count(header, 2, Number.MAX_SAFE_INTEGER);
  const [one, dictionary, two] = [header[5], header[7], header[8]].map(
    (part) => part as ThriftStruct | undefined,
  );
  switch (header[1]) {
    case 0:
      if (one) return checkPageOne(one, inflated(bytes, size, column), column);
      break;
    case 2:
      if (dictionary) return checkDictionary(dictionary);
      break;
    case 3:
      if (two) return checkPageTwo(two, bytes, size, column);
  }
  throw new Error("a page is of an unknown type");
}

const inflated = (bytes: Uint8Array, size: number, { meta, inflate }: Column): Uint8Array =>
  meta.codec === "UNCOMPRESSED" ? bytes : inflate(meta.codec, bytes, size);

/** A dictionary's values are not values of the column. */
function checkDictionary(header: ThriftStruct): 0 {
  count(header, 1, VALUES_IN_PAGE);
  return 0;
}

function checkPageOne(header: ThriftStruct, page: Uint8Array, column: Column): number {
  const values = count(header, 1, VALUES_IN_PAGE);
  const reader = new ByteReader(page);
  const { maxRepetition, maxDefinition } = column;
  if (maxRepetition > 0) checkSizedRuns(reader, bitsOf(maxRepetition), values);
  const present =
    maxDefinition > 0 ? checkSizedRuns(reader, bitsOf(maxDefinition), values, maxDefinition) : values;
  checkValues(reader, header[2], present, column);
  return values;
}

function checkPageTwo(header: ThriftStruct, bytes: Uint8Array, size: number, column: Column): number {
  const values = count(header, 1, VALUES_IN_PAGE);
  const nulls = count(header, 2, values);
  const definition = count(header, 5, bytes.length);
  const repetition = count(header, 6, bytes.length - definition);
  const levels = repetition + definition;
  if (column.maxRepetition > 0) checkRuns(new ByteReader(bytes), bitsOf(column.maxRepetition), values);
  if (column.maxDefinition > 0)
    checkRuns(new ByteReader(bytes.subarray(repetition)), bitsOf(column.maxDefinition), values);
  const rest = bytes.subarray(levels);
  const page = header[7] === false ? rest : inflated(rest, Math.max(0, size - levels), column);
  checkValues(new ByteReader(page), header[4], values - nulls, column);
  return values;
}

/** Checks what is written as runs or as differences; other encodings take as many bytes as they have values. */
function checkValues(reader: ByteReader, encoding: unknown, values: number, { meta }: Column): void {
  const isRuns = encoding === RLE || encoding === PLAIN_DICTIONARY || encoding === RLE_DICTIONARY;
  if (isRuns && (encoding === RLE) !== (meta.type === "BOOLEAN"))
    throw new Error("a page's encoding isn't its type's");
  if (values === 0) return;
  switch (encoding) {
    case RLE:
      checkSizedRuns(reader, 1, values);
      break;
    case PLAIN_DICTIONARY:
    case RLE_DICTIONARY:
      checkRuns(reader, reader.byte(), values);
      break;
    case DELTA_BINARY_PACKED:
    case DELTA_LENGTH_BYTE_ARRAY:
      readBlocks(reader);
      break;
    case DELTA_BYTE_ARRAY:
      checkPrefixes(reader, values);
  }
}

/** Runs behind their size in bytes. Returns how many of the values are `wanted`. */
function checkSizedRuns(reader: ByteReader, width: number, values: number, wanted?: number): number {
  const end = reader.uint32() + reader.at;
  const found = checkRuns(reader, width, values, wanted);
  reader.at = end;
  return found;
}

function checkRuns(reader: ByteReader, width: number, values: number, wanted?: number): number {
  if (width > 32) throw new Error("a page has values of more than 32 bits");
  let found = 0;
  for (let seen = 0; seen < values && !reader.isOver; ) {
    const header = reader.varint();
    const isPacked = header % 2 === 1;
    const length = Math.floor(header / 2) * (isPacked ? 8 : 1);
    if (length > values + PADDING) throw new Error(`a page of ${values} values has a run of ${length}`);
    const bytes = isPacked ? (length / 8) * width : Math.ceil(width / 8);
    if (wanted !== undefined && isPacked)
      found += countPacked(reader, width, Math.min(length, values - seen), wanted);
    else if (reader.bits(reader.at, 0, width) === wanted) found += length;
    reader.at += bytes;
    seen += length;
  }
  return found;
}

function countPacked(reader: ByteReader, width: number, length: number, wanted: number): number {
  let found = 0;
  for (let i = 0; i < length; i++) if (reader.bits(reader.at, i * width, width) === wanted) found++;
  return found;
}

/** Lengths of the beginnings that texts have from the text before. */
function checkPrefixes(reader: ByteReader, values: number): void {
  let bytes = 0;
  for (const length of differences(reader, values)) {
    bytes += length;
    if (!(length >= 0 && bytes <= EXPANDED_LIMIT))
      throw new Error(`a page has texts of more than ${EXPANDED_LIMIT} bytes`);
  }
}

/** The head of numbers written as differences in blocks: how many a part of a block has, and how many parts it has. */
function readBlocks(reader: ByteReader): { inPart: number; parts: number } {
  const block = reader.varint();
  const parts = reader.varint();
  reader.varint(); // number of values
  if (!(block <= 2 ** 20 && parts > 0 && parts <= block))
    throw new Error("a page has blocks of a wrong size");
  return { inPart: Math.ceil(block / parts), parts };
}

function* differences(reader: ByteReader, values: number): Generator<number> {
  const { inPart, parts } = readBlocks(reader);
  let value = reader.zigzag();
  yield value;
  for (let seen = 1; seen < values; ) {
    const least = reader.zigzag();
    const widths = Array.from({ length: parts }, () => reader.byte());
    for (const width of widths) {
      if (seen >= values) break;
      const start = reader.at;
      for (let i = 0; i < inPart && seen < values; i++, seen++) {
        value += least + reader.bits(start, i * width, width);
        yield value;
      }
      reader.at = start + Math.ceil((inPart * width) / 8);
    }
  }
}

const bitsOf = (level: number): number => 32 - Math.clz32(level);

/** @throws Error unless the field is a number from 0 to the limit. */
function count(struct: ThriftStruct, field: number, limit: number): number {
  const value = Number(struct[field] ?? 0);
  if (!(value >= 0 && value <= limit)) throw new Error(`a page claims ${value} values or bytes`);
  return value;
}

/** Pages are read where the index says: it may name no other place than where a page was checked. */
async function checkIndex(
  file: AsyncBuffer,
  start: number,
  length: number,
  places: Set<number>,
): Promise<void> {
  const view = new DataView(await file.slice(start, start + length));
  const { page_locations } = readOffsetIndex({ view, offset: 0 });
  for (const { offset } of page_locations)
    if (!places.has(Number(offset))) throw new Error("the index names a page that isn't there");
}
