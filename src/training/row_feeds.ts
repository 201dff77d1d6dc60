import type { Pack } from "../data/packing/pack.ts";
import { paddedPack } from "../data/packing/padded_pack.ts";
import { keepsTensors, type SessionOptions, type TensorData } from "../runtime/session.ts";
import { floats, int32, int64 } from "../runtime/tensor_data.ts";

/**
 * What a pass over `row` is fed; `weights` of its labels [S] where a gradient is wanted. Fed buffers are lent to the
 * session: rows are kept by who made them, so copies go.
 */
export function rowFeeds(row: Pack, weights?: Float32Array): Record<string, TensorData> {
  const T = row.tokens.length;
  return {
    tokens: int64(row.tokens),
    positions: int32(row.positions.slice()),
    ends: int32(row.ends.slice()),
    index: int32(Int32Array.from({ length: T }, (_, i) => i)),
    sources: int64(row.sources),
    targets: int64(row.targets),
    ...(weights && { weights: floats(weights) }),
  };
}

/** A row as a device computes it: on a GPU, which makes kernels and buffers for a shape, its length is one of a few. */
export const rowOn = ({ device }: SessionOptions, row: Pack): Pack =>
  keepsTensors(device) ? paddedPack(row) : row;
