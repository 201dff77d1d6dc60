/**
 * Layout of a file of tokenized examples:
 *
 *   header | records | tokens | runs | files | rows | tail
 *
 * Records are a SequenceBlock's; the four columns (uint32, [sequences]) say how to find each and where it came from;
 * the tail is JSON: the files' names, and whatever the writer leaves. Numbers are the machine's own: on one of another
 * byte order the magic number is another. `hash` covers the records and their sizes, `checksum` all else.
 */
import { createHash } from "node:crypto";

const MAGIC = 0x41_54_54_53;
/** Another number for another layout. */
const LAYOUT = 1;
const CHECKSUM_AT = 64;

export const HEADER_SIZE = 96;
export const COLUMNS = ["tokens", "runs", "files", "rows"] as const;
export const COLUMN_WORD = 4; // bytes

export interface Header {
  sequences: number;
  recordBytes: number;
  tailBytes: number;
  /** SHA-256, 32 bytes. */
  hash: Uint8Array;
}

export interface Tail {
  names: string[];
  metadata: unknown;
}

/** @param index the columns, one after the other. */
export function encodeHeader(header: Header, index: Uint8Array, tail: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(HEADER_SIZE);
  new Uint32Array(bytes.buffer, 0, 2).set([MAGIC, LAYOUT]);
  new Float64Array(bytes.buffer, 8, 3).set([header.sequences, header.recordBytes, header.tailBytes]);
  bytes.set(header.hash, 32);
  bytes.set(checksum(bytes, index, tail), CHECKSUM_AT);
  return bytes;
}

/** Undefined when the bytes are no such header, or not of a file of `fileSize` bytes. */
export function decodeHeader(bytes: Uint8Array<ArrayBuffer>, fileSize: number): Header | undefined {
  const [magic, layout] = new Uint32Array(bytes.buffer, 0, 2);
  if (magic !== MAGIC || layout !== LAYOUT) return undefined;
  const counts = new Float64Array(bytes.buffer, 8, 3);
  const [sequences, recordBytes, tailBytes] = counts as unknown as [number, number, number];
  const size = HEADER_SIZE + recordBytes + COLUMNS.length * COLUMN_WORD * sequences + tailBytes;
  if (!counts.every((count) => Number.isSafeInteger(count) && count >= 0) || size !== fileSize)
    return undefined;
  return { sequences, recordBytes, tailBytes, hash: bytes.subarray(32, CHECKSUM_AT) };
}

export const hasChecksum = (header: Uint8Array, index: Uint8Array, tail: Uint8Array): boolean =>
  checksum(header, index, tail).equals(header.subarray(CHECKSUM_AT));

function checksum(header: Uint8Array, index: Uint8Array, tail: Uint8Array): Buffer {
  return createHash("sha256").update(header.subarray(0, CHECKSUM_AT)).update(index).update(tail).digest();
}
