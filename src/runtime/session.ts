import type { OnnxModel } from "../graph/onnx/writer.ts";
import type { DType } from "../graph/tensor.ts";

export type Data = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | Uint16Array;

/** A value fed or fetched. `data` may be longer than `shape` needs: what is beyond is not looked at. */
export interface TensorData {
  readonly dtype: DType;
  readonly shape: readonly number[];
  data: Data;
}

export type Device = "cpu" | "cuda" | "coreml" | "dml" | "webgpu" | "wasm";

export interface SessionOptions {
  device: Device;
  /** Threads inside one op; the runtime's own choice (physical cores) when left out. */
  threads?: number;
  /**
   * Works out once, at opening, what is the same in every run: 16-bit weights are widened and kept, twice their bytes,
   * instead of being widened in every run.
   */
  foldConstants?: boolean;
  /** Where to write a profile by op (`PREFIX_*.json`, Chrome's trace format). */
  profilePrefix?: string;
}

export interface Session {
  /**
   * Runs the model. Buffers of `feeds` and `into` are lent while it runs: their `data` is detached, and set again before
   * this resolves or rejects, unless the session's thread died: it takes them along. Outputs named in `into` are written
   * there, the others are new. Runs wait for each other, in the order they were called.
   */
  run(
    feeds: Readonly<Record<string, TensorData>>,
    into?: Readonly<Record<string, TensorData>>,
  ): Promise<Record<string, TensorData>>;
  /** Frees the session. */
  release(): Promise<void>;
}

export type OpenSession = (model: OnnxModel, options: SessionOptions) => Promise<Session>;
