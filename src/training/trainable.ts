import type { TensorData } from "../runtime/session.ts";
import { inOneBuffer } from "./one_buffer.ts";

/** A parameter that is trained: float32, fed to every pass. */
export interface Trainable extends TensorData {
  readonly name: string;
  readonly dtype: "float32";
  data: Float32Array;
  /** Weight decay applies: not to biases and norms. */
  readonly decayed: boolean;
  /** What the learning rate is multiplied by; 1 when left out. */
  readonly rate?: number;
}

/**
 * A trainable that starts at `data` and owns it from then on: its buffer is lent to the session pass by pass, so whoever
 * wants the values reads them here. Biases and norms are the vectors among a model's parameters, which aren't decayed.
 */
export const trainable = (
  name: string,
  shape: readonly number[],
  data: Float32Array,
  { rate, decayed = shape.length > 1 }: { rate?: number; decayed?: boolean } = {},
): Trainable => ({
  name,
  dtype: "float32",
  shape,
  data: data.byteLength === data.buffer.byteLength ? data : data.slice(),
  decayed,
  rate,
});

/** As many zeros as each trainable has numbers, in one buffer when they are few. */
export const zeroArrays = (trainables: readonly Trainable[]): Float32Array[] =>
  inOneBuffer(trainables.map(({ data }) => new Float32Array(data.length)));

/** The same as tensors of their shapes. */
export function zeroTensors(trainables: readonly Trainable[]): TensorData[] {
  const arrays = zeroArrays(trainables);
  return trainables.map(({ dtype, shape }, i) => ({ dtype, shape, data: arrays[i]! }));
}
