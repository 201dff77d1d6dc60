/** Arrays with their types, as sessions are fed them. */
import { COMPUTE_TYPE } from "../graph/tensor.ts";
import type { TensorData } from "./session.ts";

/** Of the type models are computed in. */
export const floats = (data: Float32Array, shape: readonly number[] = [data.length]): TensorData => ({
  dtype: COMPUTE_TYPE,
  shape,
  data,
});

export const int32 = (data: Int32Array, shape: readonly number[] = [data.length]): TensorData => ({
  dtype: "int32",
  shape,
  data,
});

export const int64 = (values: ArrayLike<number>): TensorData => ({
  dtype: "int64",
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});
