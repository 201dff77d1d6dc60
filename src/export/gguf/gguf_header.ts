/**
 * GGUF, version 3 (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): magic, counts, metadata, the tensors' names,
 * shapes and places, then their bytes, each from a multiple of 32 on. Everything is little-endian.
 */
import { bytesOf, GGML_TYPES, type GgmlType } from "./ggml_types.ts";

/** A value of the metadata, in the types that attune writes. */
export type GgufValue =
  | { type: "uint32" | "int32" | "float32"; value: number }
  | { type: "bool"; value: boolean }
  | { type: "string"; value: string }
  | { type: "strings"; value: readonly string[] }
  | { type: "bools"; value: readonly boolean[] }
  | { type: "int32s" | "float32s"; value: readonly number[] };

export type GgufMetadata = ReadonlyMap<string, GgufValue>;

export const u32 = (value: number): GgufValue => ({ type: "uint32", value });
export const f32 = (value: number): GgufValue => ({ type: "float32", value });
export const flagValue = (value: boolean): GgufValue => ({ type: "bool", value });
export const textValue = (value: string): GgufValue => ({ type: "string", value });
export const texts = (value: readonly string[]): GgufValue => ({ type: "strings", value });
export const flags = (value: readonly boolean[]): GgufValue => ({ type: "bools", value });
export const i32s = (value: readonly number[]): GgufValue => ({ type: "int32s", value });
export const f32s = (value: readonly number[]): GgufValue => ({ type: "float32s", value });

/** `shape` is row-major, as elsewhere in attune: the file has it the other way round. */
export interface GgufTensorInfo {
  name: string;
  type: GgmlType;
  shape: readonly number[];
}

export const MAGIC = 0x46554747; // "GGUF"
export const VERSION = 3;
export const ALIGNMENT = 32;
/** Codes of the metadata's types. */
export const VALUE_TYPES = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, array: 9 } as const;

export const aligned = (offset: number): number => Math.ceil(offset / ALIGNMENT) * ALIGNMENT;
export const shapeSize = (shape: readonly number[]): number =>
  shape.reduce((product, size) => product * size, 1);
export const tensorBytes = ({ type, shape }: GgufTensorInfo): number => bytesOf(type, shapeSize(shape));

/** What stands before the tensors' bytes, padded; the first tensor begins right behind it. */
export function ggufHeader(metadata: GgufMetadata, tensors: readonly GgufTensorInfo[]): Uint8Array {
  const out = createWriter();
  out.u32(MAGIC);
  out.u32(VERSION);
  out.u64(tensors.length);
  out.u64(metadata.size);
  for (const [key, value] of metadata) {
    out.text(key);
    writeValue(out, value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    out.text(tensor.name);
    out.u32(tensor.shape.length);
    for (const size of tensor.shape.toReversed()) out.u64(size);
    out.u32(GGML_TYPES[tensor.type].code);
    out.u64(offset);
    offset = aligned(offset + tensorBytes(tensor));
  }
  return out.finish();
}

type Writer = ReturnType<typeof createWriter>;

function writeValue(out: Writer, { type, value }: GgufValue): void {
  if (type === "strings") writeArray(out, VALUE_TYPES.string, value, out.text);
  else if (type === "bools") writeArray(out, VALUE_TYPES.bool, value, (flag) => out.u8(flag ? 1 : 0));
  else if (type === "int32s") writeArray(out, VALUE_TYPES.int32, value, out.i32);
  else if (type === "float32s") writeArray(out, VALUE_TYPES.float32, value, out.f32);
  else {
    out.u32(VALUE_TYPES[type]);
    if (type === "string") out.text(value);
    else if (type === "bool") out.u8(value ? 1 : 0);
    else if (type === "float32") out.f32(value);
    else if (type === "int32") out.i32(value);
    else out.u32(value as number);
  }
}

function writeArray<T>(out: Writer, type: number, values: readonly T[], write: (value: T) => void): void {
  out.u32(VALUE_TYPES.array);
  out.u32(type);
  out.u64(values.length);
  for (const value of values) write(value);
}

const utf8 = new TextEncoder();

/** Bytes that grow as they are written. */
function createWriter() {
  let bytes = new Uint8Array(1 << 16);
  let view = new DataView(bytes.buffer);
  let at = 0;
  const place = (size: number): number => {
    if (at + size > bytes.length) {
      const grown = new Uint8Array(Math.max(2 * bytes.length, at + size));
      grown.set(bytes);
      [bytes, view] = [grown, new DataView(grown.buffer)];
    }
    at += size;
    return at - size;
  };
  const put = (size: number, write: (view: DataView, from: number) => void) => {
    const from = place(size); // may take another buffer
    write(view, from);
  };
  const u64 = (value: number) => put(8, (view, from) => view.setBigUint64(from, BigInt(value), true));
  return {
    u8: (value: number) => put(1, (view, from) => view.setUint8(from, value)),
    u32: (value: number) => put(4, (view, from) => view.setUint32(from, value, true)),
    u64,
    i32: (value: number) => put(4, (view, from) => view.setInt32(from, value, true)),
    f32: (value: number) => put(4, (view, from) => view.setFloat32(from, value, true)),
    text(value: string) {
      const encoded = utf8.encode(value);
      u64(encoded.length);
      const from = place(encoded.length);
      bytes.set(encoded, from);
    },
    finish: () => {
      place(aligned(at) - at);
      return bytes.subarray(0, at);
    },
  };
}
