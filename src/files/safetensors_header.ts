/**
 * The header of a safetensors file, both ways: 8 bytes with its length, then JSON that gives each tensor's dtype,
 * shape and place in the bytes that follow. https://github.com/huggingface/safetensors#format
 *
 * Read as strictly as the reference implementation, and as its format description where that is stricter: no gaps, no
 * overlaps, no key twice. Written as the reference implementation writes, byte for byte.
 */
import { AttuneError } from "../text/errors.ts";
import { excerpt } from "../text/excerpt.ts";
import { duplicateKeys } from "../text/json_scan.ts";

/** Bits of each element type, in the order in which the reference implementation declares them. */
const BITS = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

export type Dtype = keyof typeof BITS;

const DTYPES = Object.keys(BITS) as Dtype[];

export interface TensorInfo {
  name: string;
  dtype: Dtype;
  shape: number[];
}

/** `begin` and `end`: bytes from the end of the header. */
export interface PlacedTensor extends TensorInfo {
  begin: number;
  end: number;
}

/** Bytes that a tensor takes. @throws AttuneError when the shape is no shape, too large to count, or leaves half a byte. */
export function byteLength(dtype: Dtype, shape: readonly number[], where: string): number {
  let bits: number = BITS[dtype];
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 0) {
      throw misshapen(where, `sizes must be whole numbers from 0 on, got shape ${excerpt(shape)}`);
    }
    bits *= size;
    if (!Number.isSafeInteger(bits)) {
      throw misshapen(where, `shape ${excerpt(shape)} is larger than any file can be`);
    }
  }
  if (bits % 8 !== 0) throw misshapen(where, `shape ${excerpt(shape)} of ${dtype} ends within a byte`);
  return bits / 8;
}

/**
 * `json` is the header's text, `dataBytes` how many bytes follow it in the file `path`.
 * Tensors come in the order of the header, names from any alphabet.
 * @throws AttuneError that names the file, the tensor and what is wrong with it.
 */
export function parseHeader(json: string, dataBytes: number, path: string) {
  const entries = Object.entries(parseObject(json, path));
  const metadata = parseMetadata(entries.find(([name]) => name === "__metadata__")?.[1], path);
  const tensors = entries
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => parseTensor(name, value, dataBytes, path));
  checkCoverage(tensors, dataBytes, path);
  return { tensors, metadata };
}

function parseObject(json: string, path: string): object {
  let header: unknown;
  try {
    header = JSON.parse(json);
  } catch (error) {
    throw damaged(path, `its header is not JSON (${(error as Error).message})`);
  }
  if (!json.startsWith("{") || !isObject(header)) {
    throw damaged(
      path,
      `its header must be a JSON object, it starts with ${JSON.stringify(json.slice(0, 20))}`,
    );
  }
  const repeated = duplicateKeys(json);
  if (repeated.length > 0) throw damaged(path, `its header has the key ${quoteAll(repeated)} more than once`);
  return header;
}

function parseMetadata(value: unknown, path: string): Record<string, string> {
  if (value === undefined) return {};
  if (!isObject(value) || Object.values(value).some((text) => typeof text !== "string")) {
    throw damaged(path, `__metadata__ must hold strings only, got ${excerpt(value)}`);
  }
  return value as Record<string, string>;
}

function parseTensor(name: string, value: unknown, dataBytes: number, path: string): PlacedTensor {
  const where = `${path}, tensor ${JSON.stringify(name)}`;
  if (!isObject(value)) throw damaged(where, `expected {dtype, shape, data_offsets}, got ${excerpt(value)}`);
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  if (!isDtype(dtype)) {
    throw damaged(where, `unknown dtype ${excerpt(dtype)}; known are ${DTYPES.join(", ")}`);
  }
  if (!Array.isArray(shape)) throw damaged(where, `shape must be a list of sizes, got ${excerpt(shape)}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isOffset)) {
    throw damaged(where, `data_offsets must be [begin, end] in bytes, got ${excerpt(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  if (begin > end) throw damaged(where, `its data ends (${end}) before it begins (${begin})`);
  if (end > dataBytes)
    throw damaged(where, `its data ends at byte ${end}, but the file holds only ${dataBytes} bytes of data`);
  const expected = byteLength(dtype, shape, where);
  if (end - begin !== expected) {
    throw damaged(
      where,
      `${dtype} ${excerpt(shape)} takes ${expected} bytes, its data_offsets give ${end - begin}`,
    );
  }
  return { name, dtype, shape, begin, end };
}

/** Every byte of data belongs to exactly one tensor. */
function checkCoverage(tensors: PlacedTensor[], dataBytes: number, path: string): void {
  let covered = 0;
  for (const { name, begin, end } of [...tensors].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin < covered) throw damaged(path, `tensor ${JSON.stringify(name)} overlaps the one before it`);
    if (begin > covered)
      throw damaged(
        path,
        `${begin - covered} bytes before tensor ${JSON.stringify(name)} belong to no tensor`,
      );
    covered = end;
  }
  if (covered !== dataBytes) throw damaged(path, `the last ${dataBytes - covered} bytes belong to no tensor`);
}

/**
 * The bytes that come before the data (length, JSON, padding to 8 with spaces), and the order in which the data
 * follows: larger types first (by the declaration order above), then by name, compared as UTF-8.
 */
export function formatHeader<T extends TensorInfo>(tensors: Iterable<T>, metadata: Record<string, string>) {
  const ordered = [...tensors].sort(
    (a, b) => DTYPES.indexOf(b.dtype) - DTYPES.indexOf(a.dtype) || compareUtf8(a.name, b.name),
  );
  const parts = Object.keys(metadata).length > 0 ? [`"__metadata__":${JSON.stringify(metadata)}`] : [];
  let begin = 0;
  for (const { name, dtype, shape } of ordered) {
    const end = begin + byteLength(dtype, shape, `tensor ${JSON.stringify(name)}`);
    parts.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, end] })}`);
    begin = end;
  }
  return { bytes: withLength(`{${parts.join(",")}}`), ordered };
}

function withLength(json: string): Uint8Array {
  const text = new TextEncoder().encode(json);
  const length = Math.ceil(text.length / 8) * 8;
  const bytes = new Uint8Array(8 + length).fill(0x20);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, 8);
  return bytes;
}

function compareUtf8(a: string, b: string): number {
  const [left, right] = [new TextEncoder().encode(a), new TextEncoder().encode(b)];
  const first = left.findIndex((byte, i) => byte !== right[i]);
  return first === -1 ? left.length - right.length : left[first]! - (right[first] ?? -1);
}

/** A file that does not hold what it must. */
export const damaged = (place: string, problem: string): AttuneError =>
  new AttuneError({
    code: "files.damaged",
    place,
    problem,
    wayOut: "The file is damaged or was made by a faulty program: fetch or save it again",
  });

const misshapen = (place: string, problem: string) =>
  new AttuneError({ code: "files.misshapen", place, problem });

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isDtype = (value: unknown): value is Dtype => typeof value === "string" && Object.hasOwn(BITS, value);
const isOffset = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const quoteAll = (names: string[]): string =>
  names
    .slice(0, 5)
    .map((name) => JSON.stringify(name))
    .join(", ");
