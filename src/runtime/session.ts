import type { OnnxModel } from "../graph/onnx/writer.ts";
import type { DType } from "../graph/tensor.ts";

export type Data = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | Uint16Array;

/**
 * A value where a session computes. On the CPU that is the host's own array (TensorData); on a GPU it stays there, until
 * it is freed, or the session it came from is released. It may be fed to every session on the same device.
 */
export interface DeviceTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
}

/** A value fed or fetched. `data` may be longer than `shape` needs: what is beyond is not looked at. */
export interface TensorData extends DeviceTensor {
  data: Data;
}

export type Device = "cpu" | "cuda" | "webgpu" | "wasm";

/** They mean the same in Node and on the web. */
export interface SessionOptions {
  device: Device;
  /** Threads inside one op; the runtime's own choice (physical cores) when left out. */
  threads?: number;
  /**
   * Works out once, at opening, what is the same in every run: 16-bit weights are widened and kept, twice their bytes,
   * instead of being widened in every run.
   */
  foldConstants?: boolean;
  /** Rearranges weights once for faster products, a copy of each: what products in blocks of codes live by. */
  rearranged?: boolean;
  /** Where to write a profile by op (`PREFIX_*.json`, Chrome's trace format); in Node alone. */
  profilePrefix?: string;
  /** Linear layers are computed in float16, and their frozen weights kept so. */
  half?: boolean;
  /** Outputs that stay on the device: declare what is opened with them a `Session<DeviceTensor>`. */
  kept?: readonly string[];
}

/** `Output` is what runs give: arrays of the host, unless outputs are `kept` on the device. */
export interface Session<Output extends DeviceTensor = TensorData> {
  /**
   * Runs the model. Buffers of `feeds` and `into` are lent while it runs: their `data` is detached, and set again before
   * this resolves or rejects, unless the session's thread died: it takes them along. Outputs named in `into` are written
   * there, the others are new; where all are, nothing is copied on the CPU. An array may be fed and written at once, where the
   * graph reads a number of it last to write that number. Runs wait for each other, in the order they were called.
   */
  run(
    feeds: Readonly<Record<string, DeviceTensor>>,
    into?: Readonly<Record<string, TensorData>>,
  ): Promise<Record<string, Output>>;
  /** `tensor` on the device, to be fed any number of times; on the CPU it is `tensor` itself, lent to each run as ever. */
  place(tensor: TensorData): Promise<DeviceTensor>;
  /** What a tensor holds; on the CPU it is the tensor itself. */
  read(tensor: DeviceTensor): Promise<TensorData>;
  /** Gives up what `tensor` takes on the device. An array of the host stays as it is. */
  free(tensor: DeviceTensor): Promise<void>;
  /** Frees the session, and what it placed and kept on the device. */
  release(): Promise<void>;
}

export type OpenSession = (model: OnnxModel, options: SessionOptions) => Promise<Session>;

/** What is fed to many runs, placed once. */
export async function placeAll(
  session: Session<DeviceTensor>,
  tensors: Readonly<Record<string, TensorData>>,
): Promise<Record<string, DeviceTensor>> {
  const placed: Record<string, DeviceTensor> = {};
  for (const [name, tensor] of Object.entries(tensors)) placed[name] = await session.place(tensor);
  return placed;
}

/** Whether a tensor is an array of the host. */
export const isHost = (tensor: DeviceTensor): tensor is TensorData => "data" in tensor;

/** Whether tensors stay on the device between runs; elsewhere they are arrays of the host. */
export const keepsTensors = (device: Device): boolean => device === "webgpu";
