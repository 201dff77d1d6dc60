/** Whether a written file says what it should. */
import type { FileHandle } from "node:fs/promises";
import { randomUint32 } from "../../random/random.ts";
import { AttuneError } from "../../text/errors.ts";
import { readerOf } from "../checked_writer.ts";
import { decode } from "./encode.ts";
import { GGML_TYPES, type GgmlType } from "./ggml_types.ts";
import { type GgufMetadata, type GgufTensorInfo, shapeSize } from "./gguf_header.ts";
import { type GgufTensorEntry, readGguf } from "./read_gguf.ts";

export interface Expected<T extends GgufTensorInfo> {
  metadata: GgufMetadata;
  tensors: readonly T[];
  /** What `count` numbers of a row, from number `start` of the tensor on, should be. */
  values(tensor: T, start: number, count: number): Promise<Float32Array>;
}

const ROWS = 4; // of each tensor, besides its first and last
const MOST = 8192; // numbers of a row

/**
 * Reads the file again, its header anew and of each tensor some rows, and compares them with what they should be, as far as
 * the type's rounding allows.
 * @throws AttuneError that names what differs.
 */
export async function checkGguf<T extends GgufTensorInfo>(
  file: FileHandle,
  { metadata, tensors, values }: Expected<T>,
): Promise<void> {
  const readAt = readerOf(file);
  const found = await readGguf(readAt).catch((error) => {
    throw wrong("the file", `can't be read: ${(error as Error).message}`);
  });
  for (const [key, value] of metadata) {
    const other = found.metadata.get(key);
    if (JSON.stringify(other) !== JSON.stringify(rounded(value))) throw wrong(key, "is not what was written");
  }
  for (const tensor of tensors) {
    const entry = found.tensors.get(tensor.name);
    if (entry?.type !== tensor.type || entry.shape.join() !== tensor.shape.join())
      throw wrong(tensor.name, "is not as it was written");
    for (const { start, count } of samplesOf(entry)) {
      const { values: unit, bytes: width } = GGML_TYPES[entry.type];
      const bytes = new Uint8Array((count / unit) * width);
      const read = await readAt(bytes, entry.offset + (start / unit) * width);
      if (read !== bytes.length) throw wrong(tensor.name, "ends too early");
      compare(tensor, decode(bytes, entry.type), await values(tensor, start, count));
    }
  }
}

/** float32 is all that the file has room for. */
const rounded = (value: { type: string; value: unknown }) =>
  value.type === "float32"
    ? { ...value, value: Math.fround(value.value as number) }
    : value.type === "float32s"
      ? { ...value, value: (value.value as number[]).map(Math.fround) }
      : value;

function samplesOf({ name, shape, type }: GgufTensorEntry) {
  const width = shape.length > 1 ? shape.at(-1)! : 1;
  const rows = shapeSize(shape) / width;
  const block = GGML_TYPES[type].values;
  const count = Math.min(width, Math.floor(MOST / block) * block);
  const random = Array.from({ length: ROWS }, (_, i) => randomUint32(0, `check ${name}`, 0, i) % rows);
  return [...new Set([0, rows - 1, ...random])].map((row) => ({ start: row * width, count }));
}

/** Half a unit in the last place, relative, and below what is kept at all; of blocks relative to their largest. */
const ROUNDING: Record<GgmlType, { relative: number; absolute: number; ofLargest: number }> = {
  F32: { relative: 0, absolute: 0, ofLargest: 0 },
  F16: { relative: 2 ** -11, absolute: 2 ** -25, ofLargest: 0 },
  BF16: { relative: 2 ** -8, absolute: 2 ** -134, ofLargest: 0 },
  Q8_0: { relative: 0, absolute: 2 ** -17, ofLargest: 0.5 / 127 + 2 ** -10 },
  Q4_0: { relative: 0, absolute: 2 ** -21, ofLargest: 1 / 8 + 2 ** -10 },
  MXFP4: { relative: 0, absolute: 0, ofLargest: 0 },
};

function compare({ name, type }: GgufTensorInfo, found: Float32Array, expected: Float32Array): void {
  const { relative, absolute, ofLargest } = ROUNDING[type];
  const block = GGML_TYPES[type].values;
  for (let from = 0; from < expected.length; from += block) {
    let largest = 0;
    for (let i = from; i < from + block; i++) largest = Math.max(largest, Math.abs(expected[i]!));
    for (let i = from; i < from + block; i++) {
      const bound = relative * Math.abs(expected[i]!) + absolute + ofLargest * largest;
      if (!(Math.abs(found[i]! - expected[i]!) <= bound))
        throw wrong(name, `holds ${found[i]}, and the model ${expected[i]}`);
    }
  }
}

const wrong = (place: string, problem: string) =>
  new AttuneError({
    code: "export.check-failed",
    place,
    problem: `${problem}. Nothing was kept`,
    wayOut: "It may be a fault of attune's: report it with the model's config.json",
  });
