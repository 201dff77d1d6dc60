import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, read, readSync } from "node:fs";
import { promisify } from "node:util";
import { diskError } from "../../files/disk_error.ts";
import { AttuneError } from "../../text/errors.ts";
import type { SequenceStore } from "../batches/sequence_store.ts";
import { recordSize, unpackRecord } from "./sequence_block.ts";
import {
  COLUMN_WORD,
  COLUMNS,
  decodeHeader,
  HEADER_SIZE,
  type Header,
  hasChecksum,
  type Tail,
} from "./sequence_file_header.ts";

/** Tokenized examples on disk; in memory are 24 bytes for each. */
export interface SequenceFile extends SequenceStore {
  /** SHA-256 of all tokens and label weights in order, hexadecimal. Where they came from doesn't matter. */
  readonly hash: string;
  /** What the writer left beside the sequences. */
  readonly metadata: unknown;
  /** After that, nothing can be read any more. */
  close(): void;
}

/**
 * Opens what `writeSequenceFile` wrote and checks every byte of it, without holding it in memory.
 * @throws AttuneError when it isn't there, or isn't what was written.
 */
export async function openSequenceFile(path: string): Promise<SequenceFile> {
  const file = openReader(path);
  try {
    return await openChecked(file);
  } catch (error) {
    file.close();
    throw diskError(error, "read", path);
  }
}

async function openChecked(file: Reader): Promise<SequenceFile> {
  if (file.size < HEADER_SIZE) throw damaged(file, "it is too short");
  const headerBytes = await file.read(0, HEADER_SIZE);
  const header = decodeHeader(headerBytes, file.size);
  if (!header) throw damaged(file, "its header doesn't fit it");
  const columnBytes = COLUMN_WORD * header.sequences;
  const index = await file.read(HEADER_SIZE + header.recordBytes, COLUMNS.length * columnBytes);
  const tail = await file.read(file.size - header.tailBytes, header.tailBytes);
  if (!hasChecksum(headerBytes, index, tail)) throw damaged(file, "its checksum is another");
  const hash = await hashRecords(file, header, index.subarray(0, 2 * columnBytes));
  if (!hash.equals(header.hash)) throw damaged(file, "the hash of its sequences is another");
  return storeOf(file, header, index, JSON.parse(new TextDecoder().decode(tail)));
}

function storeOf(file: Reader, header: Header, index: Uint8Array<ArrayBuffer>, tail: Tail): SequenceFile {
  const { sequences } = header;
  const column = (name: (typeof COLUMNS)[number]) =>
    new Uint32Array(index.buffer, COLUMNS.indexOf(name) * COLUMN_WORD * sequences, sequences);
  const [tokens, runs, files, rows] = [column("tokens"), column("runs"), column("files"), column("rows")];
  const offsets = recordOffsets(tokens, runs);
  return {
    length: sequences,
    hash: Buffer.from(header.hash).toString("hex"),
    metadata: tail.metadata,
    tokensOf: (i) => tokens[i]!,
    at(i) {
      const record = file.readNow(offsets[i]!, recordSize(tokens[i]!, runs[i]!));
      return { ...unpackRecord(record, tokens[i]!), origin: { file: tail.names[files[i]!]!, row: rows[i]! } };
    },
    close: file.close,
  };
}

/** Place of each record in the file, [sequences]. */
function recordOffsets(tokens: Uint32Array, runs: Uint32Array): Float64Array {
  const offsets = new Float64Array(tokens.length);
  let at = HEADER_SIZE;
  for (let i = 0; i < offsets.length; i++) {
    offsets[i] = at;
    at += recordSize(tokens[i]!, runs[i]!);
  }
  return offsets;
}

const PART = 2 ** 20; // bytes read at once

async function hashRecords(file: Reader, { recordBytes }: Header, sizes: Uint8Array): Promise<Buffer> {
  const hash = createHash("sha256");
  for (let done = 0; done < recordBytes; done += PART)
    hash.update(await file.read(HEADER_SIZE + done, Math.min(PART, recordBytes - done)));
  return hash.update(sizes).digest();
}

function damaged({ path }: Reader, what: string): AttuneError {
  return new AttuneError({
    code: "data.damaged-cache",
    place: path,
    problem: `the file is damaged: ${what}`,
    wayOut: "Remove it: it is made again",
  });
}

/** An open file whose reads are whole or an error. */
interface Reader {
  path: string;
  size: number;
  read(at: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** The same, synchronously. */
  readNow(at: number, length: number): Uint8Array<ArrayBuffer>;
  close(): void;
}

function openReader(path: string): Reader {
  const readLater = promisify(read);
  try {
    const fd = openSync(path, "r");
    const whole = (bytes: Uint8Array<ArrayBuffer>, bytesRead: number) => {
      if (bytesRead !== bytes.length) throw damaged(reader, "it ends too soon");
      return bytes;
    };
    const reader: Reader = {
      path,
      size: fstatSync(fd).size,
      async read(at, length) {
        const bytes = new Uint8Array(length);
        return whole(bytes, (await readLater(fd, bytes, 0, length, at)).bytesRead);
      },
      readNow(at, length) {
        const bytes = new Uint8Array(length);
        return whole(bytes, readSync(fd, bytes, 0, length, at));
      },
      close: () => closeSync(fd),
    };
    return reader;
  } catch (error) {
    throw diskError(error, "read", path);
  }
}
