import type { TensorEntry } from "../files/safetensors.ts";

/** A weight in blocks: `shape` is the weight's own, [out, in], the bytes are codes. */
export interface BlockEntry extends TensorEntry {
  readonly blocks: {
    readonly bits: 4 | 8;
    /** float32 [out · in / 32]. */
    readonly scales: TensorEntry;
  };
}

export const isInBlocks = (entry: object): entry is BlockEntry => "blocks" in entry;
