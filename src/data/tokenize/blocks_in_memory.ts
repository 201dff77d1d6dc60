import type { SequenceStore } from "../batches/sequence_store.ts";
import { recordSize, type SequenceBlock, unpackRecord } from "./sequence_block.ts";

/** The sequences of blocks, one block after the other, in the few bytes that a block takes. */
export function blocksInMemory(blocks: readonly SequenceBlock[]): SequenceStore {
  const places = blocks.flatMap((block) => {
    let offset = 0;
    return Array.from(block.tokens, (tokens, i) => {
      const size = recordSize(tokens, block.runs[i]!);
      offset += size;
      return { block, i, offset: offset - size, size };
    });
  });
  const tokensOf = (at: number) => places[at]!.block.tokens[places[at]!.i]!;
  return {
    length: places.length,
    tokensOf,
    at(at) {
      const { block, i, offset, size } = places[at]!;
      const record = block.records.subarray(offset, offset + size);
      const origin = { file: block.names[block.files[i]!]!, row: block.rows[i]! };
      return { ...unpackRecord(record, tokensOf(at)), origin };
    },
  };
}
