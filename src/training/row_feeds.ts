import type { Row } from "../data/packing/pack.ts";
import type { TensorData } from "../runtime/session.ts";

/** What a pass over `row` is fed; `weights` of its labels [S] where a gradient is wanted. */
export function rowFeeds(row: Row, weights?: Float32Array): Record<string, TensorData> {
  const T = row.tokens.length;
  return {
    tokens: int64(row.tokens),
    positions: int32(row.positions),
    ends: int32(row.ends),
    index: int32(Int32Array.from({ length: T }, (_, i) => i)),
    sources: int64(row.sources),
    targets: int64(row.targets),
    ...(weights && { weights: { dtype: "float32", shape: [weights.length], data: weights } }),
  };
}

const int64 = (values: Int32Array): TensorData => ({
  dtype: "int64",
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});

// Fed buffers are lent to the session: rows are kept by who made them, so a copy goes.
const int32 = (values: Int32Array): TensorData => ({
  dtype: "int32",
  shape: [values.length],
  data: values.slice(),
});
