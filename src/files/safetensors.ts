/** safetensors: where each tensor lies, reading one, writing many with one in memory at a time. */
import { AttuneError } from "../text/errors.ts";
import type { ByteSource, OpenBytes } from "./byte_source.ts";
import { diskError } from "./disk_error.ts";
import { torchName } from "./dtype.ts";
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from "./float.ts";
import { placeOf } from "./place_of.ts";
import {
  byteLength,
  type Dtype,
  damaged,
  formatHeader,
  parseHeader,
  type TensorInfo,
} from "./safetensors_header.ts";

export type { Dtype } from "./safetensors_header.ts";

/** A tensor in a file. `offset` counts from the start of the file and need not be aligned. */
export interface TensorEntry extends TensorInfo {
  file: string; // on a disk absolute, links resolved; else what messages call it
  offset: number;
  byteLength: number;
  /** Who reads the file. */
  source: ByteSource;
}

export type TypedArray =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigInt64Array
  | BigUint64Array;

/**
 * A tensor to be written. `data` is asked for when its turn comes and may be freed after. A `Float32Array` is converted
 * to the tensor's floating type (nearest, ties to even); anything else is the tensor's bytes as they are.
 */
export interface TensorSource extends TensorInfo {
  data: () => TypedArray | Promise<TypedArray>;
}

/** Where bytes go: an open file. */
export interface Sink {
  write(bytes: Uint8Array, offset: number, length: number): Promise<{ bytesWritten: number }>;
}

const HEADER_LIMIT = 100_000_000; // the reference implementation's
const CHUNK = 1 << 26; // bytes a system call: below 2 GiB, and little beside a tensor

/**
 * Reads and checks the header only.
 * @param file what `source` knows the file by
 * @param path what messages call it
 * @throws AttuneError naming the file and what is wrong with it.
 */
export async function openSafetensors(
  source: ByteSource,
  file: string,
  path = file,
): Promise<SafetensorsHeader> {
  try {
    return await withFile({ source, file }, (bytes) => readHeader(bytes, { source, file }, path));
  } catch (error) {
    throw diskError(error, "read", path);
  }
}

export interface SafetensorsHeader {
  tensors: Map<string, TensorEntry>;
  metadata: Record<string, string>;
}

/** Gives `use` the tensors of one file so that it is opened once, however many of them are read. Later each opens it again. */
export async function withOpenFile<T>(
  tensors: ReadonlyMap<string, TensorEntry>,
  use: (tensors: ReadonlyMap<string, TensorEntry>) => Promise<T>,
): Promise<T> {
  const [first] = tensors.values();
  if (!first) return use(tensors);
  return readFrom(first, async ({ size, read }) => {
    let isOpen = true;
    const source: ByteSource = {
      ...first.source,
      open: async (file) => (isOpen ? { size, read, close: async () => {} } : first.source.open(file)),
    };
    const inside = new Map(Array.from(tensors, ([name, entry]) => [name, { ...entry, source }]));
    return use(inside).finally(() => {
      isOpen = false;
    });
  });
}

type Place = Pick<TensorEntry, "source" | "file">;

async function readHeader(handle: OpenBytes, place: Place, path: string): Promise<SafetensorsHeader> {
  const { size } = handle;
  if (size < 8) throw damaged(path, `it has ${size} bytes, too few for a safetensors file`);
  const headerBytes = headerLength(await readBytes(handle, 0, 8, path), size, path);
  const dataStart = 8 + headerBytes;
  const json = decodeUtf8(await readBytes(handle, 8, headerBytes, path), path);
  const { tensors, metadata } = parseHeader(json, size - dataStart, path);
  const entries = tensors.map(({ begin, end, ...tensor }): [string, TensorEntry] => [
    tensor.name,
    { ...tensor, ...place, offset: dataStart + begin, byteLength: end - begin },
  ]);
  return { tensors: new Map(entries), metadata };
}

function headerLength(bytes: Uint8Array, fileBytes: number, path: string): number {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(HEADER_LIMIT))
    throw damaged(path, `its header claims ${length} bytes, more than the limit of ${HEADER_LIMIT}`);
  if (length > BigInt(fileBytes - 8))
    throw damaged(path, `its header claims ${length} bytes, but the file has only ${fileBytes}`);
  if (length < 2n) throw damaged(path, `its header claims ${length} bytes, too few for a JSON object`);
  return Number(length);
}

function decodeUtf8(bytes: Uint8Array, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw damaged(path, "its header is not UTF-8 text");
  }
}

/** The tensor's values, row-major, as float32. @throws AttuneError when its type is not a float, or the file changed. */
export async function readTensor(entry: TensorEntry): Promise<Float32Array> {
  const decode = DECODERS[entry.dtype];
  if (!decode) {
    throw new AttuneError({
      code: "files.unsupported-dtype",
      place: `${entry.file}: ${JSON.stringify(entry.name)}`,
      expected: "F32, F16, BF16 or F64",
      got: entry.dtype,
    });
  }
  return readFrom(entry, async (handle) => {
    const { width, toFloat32 } = decode;
    const values = allocate(Float32Array, entry.byteLength / width, entry);
    for (let at = 0; at < entry.byteLength; at += CHUNK) {
      const bytes = await readBytes(
        handle,
        entry.offset + at,
        Math.min(CHUNK, entry.byteLength - at),
        entry.file,
      );
      values.set(toFloat32(bytes.buffer), at / width);
    }
    return values;
  });
}

/** @throws AttuneError when there is no such array, or no memory for it. */
function allocate<A>(Type: new (length: number) => A, length: number, { file, name, shape }: TensorEntry): A {
  try {
    return new Type(length);
  } catch (error) {
    throw new AttuneError(
      {
        code: "files.no-memory",
        place: file,
        problem: `${name} [${shape.join(", ")}] is larger than the memory that can be had for it`,
      },
      { cause: error },
    );
  }
}

/** The tensor's bytes, whatever its type, or the first `limit` of them. */
export async function readTensorBytes(
  entry: TensorEntry,
  limit = Number.POSITIVE_INFINITY,
): Promise<Uint8Array> {
  return readFrom(entry, async (handle) => {
    const bytes = allocate(Uint8Array, Math.min(entry.byteLength, limit), entry);
    await fill(handle, bytes, entry.offset, entry.file);
    return bytes;
  });
}

/** Fills `bytes` with the tensor's own, from its first on. */
export async function fillFromTensor(entry: TensorEntry, bytes: Uint8Array): Promise<void> {
  await readFrom(entry, (handle) => fill(handle, bytes, entry.offset, entry.file));
}

const SCANNED = 1 << 24; // bytes at a time

/**
 * Gives `use` the tensor's bytes piece by piece, each with its place among them, in a buffer that is used again; ends when
 * `use` returns false.
 */
export async function scanTensor(
  entry: TensorEntry,
  use: (bytes: Uint8Array, at: number) => boolean,
): Promise<void> {
  await readFrom(entry, async (handle) => {
    const buffer = new Uint8Array(Math.min(SCANNED, entry.byteLength));
    for (let at = 0; at < entry.byteLength; at += SCANNED) {
      const bytes = buffer.subarray(0, Math.min(SCANNED, entry.byteLength - at));
      await fill(handle, bytes, entry.offset + at, entry.file);
      if (!use(bytes, at)) return;
    }
  });
}

/** `length` of a tensor's numbers in a row, from number `start` on, as a tensor of one axis. */
export function sliceOf(entry: TensorEntry, start: number, length: number): TensorEntry {
  const count = entry.shape.reduce((product, size) => product * size, 1);
  const width = count === 0 ? 0 : entry.byteLength / count; // bytes
  return { ...entry, shape: [length], offset: entry.offset + start * width, byteLength: length * width };
}

/** A tensor of one file as a source for another: copied byte for byte. */
export const copyOf = (entry: TensorEntry): TensorSource => ({
  name: entry.name,
  dtype: entry.dtype,
  shape: entry.shape,
  data: () => readTensorBytes(entry),
});

const DECODERS: Partial<
  Record<Dtype, { width: number; toFloat32: (bytes: ArrayBuffer) => ArrayLike<number> }>
> = {
  F32: { width: 4, toFloat32: (bytes) => new Float32Array(bytes) },
  F64: { width: 8, toFloat32: (bytes) => new Float64Array(bytes) },
  F16: { width: 2, toFloat32: (bytes) => float16ToFloat32(new Uint16Array(bytes)) },
  BF16: { width: 2, toFloat32: (bytes) => bfloat16ToFloat32(new Uint16Array(bytes)) },
};

/**
 * Writes a file, equal byte for byte to what Python's safetensors writes for the same tensors (of several metadata keys
 * Python shuffles the order; here it is kept).
 */
export function safetensorsContent(tensors: Iterable<TensorSource>, metadata: Record<string, string> = {}) {
  const { bytes, ordered } = formatHeader(tensors, metadata);
  checkNames(ordered);
  return async (file: Sink): Promise<void> => {
    await writeAll(file, bytes);
    for (const tensor of ordered) await writeTensor(file, tensor);
  };
}

function checkNames(tensors: TensorInfo[]): void {
  const names = new Set(tensors.map(({ name }) => name));
  if (names.size !== tensors.length) throw new Error("two tensors have the same name");
  if (names.has("__metadata__")) throw new Error("no tensor can be called __metadata__");
}

async function writeTensor(file: Sink, { name, dtype, shape, data }: TensorSource): Promise<void> {
  const values = await data();
  if (!(values instanceof Float32Array)) {
    checkSize(name, byteLength(dtype, shape, name), values.byteLength);
    return writeAll(file, bytesOf(values));
  }
  const encode = ENCODERS[dtype];
  if (!encode) throw new Error(`tensor ${name} is ${dtype}, its data is a Float32Array`);
  const elements = shape.reduce((product, size) => product * size, 1);
  checkSize(name, 4 * elements, values.byteLength);
  requireRange(values, { name, dtype, shape });
  for (let at = 0; at < values.length; at += CHUNK / 4) {
    await writeAll(file, bytesOf(encode(values.subarray(at, at + CHUNK / 4))));
  }
}

/** The least magnitude that a type of floats rounds to infinity, and the largest it holds. */
const RANGES: Partial<Record<Dtype, { beyond: number; largest: number }>> = {
  F16: { beyond: 65_520, largest: 65_504 },
  BF16: { beyond: 2 ** 128 - 2 ** 119, largest: 2 ** 128 - 2 ** 120 },
};

function firstBeyond(values: Float32Array, limit: number): number {
  for (let i = 0; i < values.length; i++) {
    const magnitude = Math.abs(values[i]!);
    if (magnitude >= limit && magnitude !== Infinity) return i;
  }
  return -1;
}

/** A number must not become infinite on its way into a file. */
function requireRange(values: Float32Array, { name, dtype, shape }: TensorInfo): void {
  const range = RANGES[dtype];
  if (!range) return;
  const index = firstBeyond(values, range.beyond);
  if (index < 0) return;
  throw new AttuneError({
    code: "files.beyond-type",
    place: name,
    problem:
      `is ${values[index]} at [${placeOf(index, shape).join(", ")}], and ${torchName(dtype)} can't hold that: ` +
      `its largest number is ${range.largest}`,
    wayOut: "Start from the same model in bfloat16 or float32",
  });
}

/** Values as the bytes of a file whose type is `dtype`. @throws AttuneError when that isn't a type of floats. */
export function floatBytes(values: Float32Array, dtype: Dtype): Uint8Array {
  const encode = ENCODERS[dtype];
  if (!encode)
    throw new AttuneError({ code: "files.not-floats", expected: "F32, F16, BF16 or F64", got: dtype });
  return bytesOf(encode(values));
}

const ENCODERS: Partial<Record<Dtype, (values: Float32Array) => TypedArray>> = {
  F32: (values) => values,
  BF16: float32ToBfloat16,
  F16: float32ToFloat16,
  F64: (values) => Float64Array.from(values),
};

function checkSize(name: string, expected: number, got: number): void {
  if (got !== expected) throw new Error(`tensor ${name} takes ${expected} bytes, its data has ${got}`);
}

/** Bytes at a time. Measured on ext4: of 64 MB at a time Linux takes more than twice as long. */
const WRITTEN = 1 << 18;

/** All of `bytes`, however few `file` takes at a time. */
export async function writeAll(file: Sink, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, Math.min(WRITTEN, bytes.length - at));
    at += bytesWritten;
  }
}

async function readFrom<T>(entry: TensorEntry, read: (handle: OpenBytes) => Promise<T>): Promise<T> {
  try {
    return await withFile(entry, read);
  } catch (error) {
    throw diskError(error, "read", entry.file);
  }
}

async function withFile<T>({ source, file }: Place, use: (handle: OpenBytes) => Promise<T>): Promise<T> {
  const handle = await source.open(file);
  try {
    return await use(handle);
  } finally {
    await handle.close();
  }
}

/** A fresh buffer of `length` bytes, aligned for any element type. */
async function readBytes(handle: OpenBytes, position: number, length: number, path: string) {
  const bytes = new Uint8Array(length);
  await fill(handle, bytes, position, path);
  return bytes;
}

async function fill(handle: OpenBytes, bytes: Uint8Array, position: number, path: string): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const bytesRead = await handle.read(bytes.subarray(at, at + CHUNK), position + at);
    if (bytesRead === 0) throw damaged(path, `it ends at byte ${position + at}, sooner than its header says`);
    at += bytesRead;
  }
}

/** What `content` writes, in memory. */
export async function contentBytes(content: (file: Sink) => Promise<void>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  await content({
    async write(bytes, offset, length) {
      parts.push(bytes.slice(offset, offset + length));
      return { bytesWritten: length };
    },
  });
  const all = new Uint8Array(parts.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const bytesOf = (values: TypedArray): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
