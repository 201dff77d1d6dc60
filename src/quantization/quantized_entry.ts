import type { Dtype, TensorEntry } from "../files/safetensors.ts";
import type { FourBit } from "./code_tables.ts";

/** Where the rest of a 4-bit weight lies. */
export interface Parts4bit {
  type: FourBit;
  /** Values that share a scale. */
  blockSize: number;
  /** Block scales, float32 [blocks]; with `nested`, their 8-bit codes. */
  absmax: TensorEntry;
  nested?: {
    /** Scales that share a scale, values of the codes [256], scales of the scales, their mean. */
    blockSize: number;
    map: TensorEntry;
    absmax: TensorEntry;
    offset: number;
  };
  /** Of the weight before it was quantized. */
  dtype: "F32" | "F16" | "BF16";
}

export interface Parts8bit {
  type: "int8";
  /** Largest magnitude of each row, float32 [out]. */
  absmax: TensorEntry;
  /** Products with it are computed in integers, too; else they are float32's, of what the codes stand for. */
  integerProducts?: boolean;
}

/** A weight that its files hold quantized: `shape` is the weight's own, [out, in], the bytes are codes. */
export interface QuantizedEntry extends TensorEntry {
  readonly parts: Parts4bit | Parts8bit | PartsMxfp4;
}

/** A weight that is kept as it is, and in 8 bits, too, for products in integers: the output layer, which may be the embedding. */
export interface RoundedEntry extends TensorEntry {
  readonly rounded: QuantizedEntry;
}

export const isRounded = (entry: object): entry is RoundedEntry => "rounded" in entry;

export const isQuantized = (entry: object): entry is QuantizedEntry => "parts" in entry;

export interface PartsMxfp4 {
  type: "mxfp4";
  /** The exponents of blocks that share a scale, uint8 [out, in / 32]. */
  scales: TensorEntry;
  /** What transformers dequantizes it to. */
  dtype: "BF16";
}

/**
 * The matrices of a mixture's experts under one name, each quantized by itself: `shape` is the weight's own, [n, in, out] where it is
 * `isTurned`, else [n, out, in].
 */
export interface StackedEntry extends TensorEntry {
  readonly matrices: readonly QuantizedEntry[];
  readonly isTurned: boolean;
}

export const isStacked = (entry: object): entry is StackedEntry => "matrices" in entry;

/** All that files hold of a weight. */
export function storedParts(entry: TensorEntry): TensorEntry[] {
  if (isStacked(entry)) return entry.matrices.flatMap(storedParts);
  if (!isQuantized(entry)) return [entry];
  const { parts } = entry;
  if (parts.type === "mxfp4") return [entry, parts.scales];
  const nested = parts.type === "int8" ? undefined : parts.nested;
  return [entry, parts.absmax, ...(nested ? [nested.map, nested.absmax] : [])];
}

/** A weight that its files hold quantized, in one piece or as a stack. */
export type CodedEntry = QuantizedEntry | StackedEntry;

export const isCoded = (entry: object): entry is CodedEntry => isQuantized(entry) || isStacked(entry);

const firstParts = (entry: CodedEntry) => (isStacked(entry) ? entry.matrices[0]!.parts : entry.parts);

/** What its codes are: int8, nf4, … */
export const codeType = (entry: CodedEntry): string => firstParts(entry).type;

/** Its type before it was quantized, which int8 doesn't tell: then that `ofOthers`. */
export function typeBefore(entry: CodedEntry, ofOthers: Dtype): Dtype {
  const parts = firstParts(entry);
  return parts.type === "int8" ? ofOthers : parts.dtype;
}
