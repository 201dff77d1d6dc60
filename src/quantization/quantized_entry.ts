import type { TensorEntry } from "../files/safetensors.ts";
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
  readonly parts: Parts4bit | Parts8bit;
}

/** A weight that is kept as it is, and in 8 bits, too, for products in integers: the output layer, which may be the embedding. */
export interface RoundedEntry extends TensorEntry {
  readonly rounded: QuantizedEntry;
}

export const isRounded = (entry: object): entry is RoundedEntry => "rounded" in entry;

export const isQuantized = (entry: object): entry is QuantizedEntry => "parts" in entry;
