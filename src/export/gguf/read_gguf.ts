/** Reads what stands in a GGUF file, as far as attune writes it. */
import type { ReadAt } from "../checked_writer.ts";
import { bytesOf, typeOfCode } from "./ggml_types.ts";
import {
  aligned,
  type GgufTensorInfo,
  type GgufValue,
  MAGIC,
  shapeSize,
  VALUE_TYPES,
  VERSION,
} from "./gguf_header.ts";

/** A tensor in a file; `offset` counts from the start of the file. */
export interface GgufTensorEntry extends GgufTensorInfo {
  offset: number;
  byteLength: number;
}

export interface GgufFile {
  metadata: Map<string, GgufValue>;
  tensors: Map<string, GgufTensorEntry>;
}

const FIRST = 1 << 24; // bytes: the headers of most models

/**
 * The metadata and where each tensor lies.
 * @throws Error when the file is damaged, or holds what attune doesn't write.
 */
export async function readGguf(readAt: ReadAt): Promise<GgufFile> {
  for (let size = FIRST; ; size *= 2) {
    const buffer = new Uint8Array(size);
    const read = await readAt(buffer, 0);
    try {
      return parse(createReader(buffer.subarray(0, read)));
    } catch (error) {
      if (error !== SHORT) throw error;
      if (read < size) throw new Error(`it ends at byte ${read}, within its header`);
    }
  }
}

const SHORT = new Error("the header goes on");

function parse(from: Reader): GgufFile {
  if (from.u32() !== MAGIC) throw new Error("it does not begin with GGUF");
  const version = from.u32();
  if (version !== VERSION) throw new Error(`its version is ${version}, expected ${VERSION}`);
  const [tensorCount, valueCount] = [from.u64(), from.u64()];
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < valueCount; i++) metadata.set(from.text(), readValue(from));
  const infos: ReturnType<typeof readInfo>[] = [];
  for (let i = 0; i < tensorCount; i++) infos.push(readInfo(from));
  const start = aligned(from.position());
  const entries = infos.map((info): [string, GgufTensorEntry] => [
    info.name,
    { ...info, offset: start + info.offset, byteLength: bytesOf(info.type, shapeSize(info.shape)) },
  ]);
  return { metadata, tensors: new Map(entries) };
}

function readInfo(from: Reader) {
  const name = from.text();
  const axes = from.u32();
  if (axes > 4) throw new Error(`${name} has ${axes} axes`);
  const shape = Array.from({ length: axes }, () => from.u64()).reverse();
  const code = from.u32();
  const type = typeOfCode(code);
  if (!type) throw new Error(`${name} is of type ${code}, which attune doesn't write`);
  return { name, type, shape, offset: from.u64() };
}

function readValue(from: Reader): GgufValue {
  const type = from.u32();
  switch (type) {
    case VALUE_TYPES.uint32:
      return { type: "uint32", value: from.u32() };
    case VALUE_TYPES.int32:
      return { type: "int32", value: from.i32() };
    case VALUE_TYPES.float32:
      return { type: "float32", value: from.f32() };
    case VALUE_TYPES.bool:
      return { type: "bool", value: from.u8() !== 0 };
    case VALUE_TYPES.string:
      return { type: "string", value: from.text() };
    case VALUE_TYPES.array:
      return readArray(from);
  }
  throw new Error(`metadata of type ${type}, which attune doesn't write`);
}

function readArray(from: Reader): GgufValue {
  const [type, length] = [from.u32(), from.u64()];
  const all = <T>(read: () => T): T[] => {
    const values: T[] = [];
    for (let i = 0; i < length; i++) values.push(read());
    return values;
  };
  if (type === VALUE_TYPES.string) return { type: "strings", value: all(from.text) };
  if (type === VALUE_TYPES.bool) return { type: "bools", value: all(() => from.u8() !== 0) };
  if (type === VALUE_TYPES.int32) return { type: "int32s", value: all(from.i32) };
  if (type === VALUE_TYPES.float32) return { type: "float32s", value: all(from.f32) };
  throw new Error(`a list of type ${type}, which attune doesn't write`);
}

type Reader = ReturnType<typeof createReader>;

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** @throws SHORT at the end of `bytes`. */
function createReader(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (size: number): number => {
    if (at + size > bytes.length) throw SHORT;
    at += size;
    return at - size;
  };
  const u64 = () => {
    const value = view.getBigUint64(take(8), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new Error(`its header holds a count of ${value}`);
    return Number(value);
  };
  return {
    position: () => at,
    u8: () => view.getUint8(take(1)),
    u32: () => view.getUint32(take(4), true),
    i32: () => view.getInt32(take(4), true),
    f32: () => view.getFloat32(take(4), true),
    u64,
    text: () => {
      const length = u64();
      const from = take(length);
      return utf8.decode(bytes.subarray(from, from + length));
    },
  };
}
