import { cast, cos, mul, sin } from "../graph/ops/elementwise.ts";
import { reshape } from "../graph/ops/shape.ts";
import { constant } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { RopeParameters } from "./config.ts";

/** cos and sin [T, ...ones, E/2], float32, of positions [T]; `ones` axes of size 1 stand for heads. */
export function rotaryAngles(positions: Tensor, rope: RopeParameters, headDim: number, ones: number) {
  const [T] = positions.shape as [string];
  const frequencies = inverseFrequencies(rope, headDim);
  const angles = mul(
    reshape(cast(positions, "float32"), [T, 1]),
    constant(frequencies, [1, frequencies.length]),
  );
  const shape = [T, ...Array<number>(ones).fill(1), frequencies.length];
  return { cos: reshape(cos(angles), shape), sin: reshape(sin(angles), shape) };
}

/** Radians a position, [E/2], rounded to float32 where transformers' modeling_rope_utils.py rounds. */
export function inverseFrequencies(rope: RopeParameters, headDim: number): number[] {
  const f32 = Math.fround;
  const plain = Array.from({ length: headDim / 2 }, (_, i) =>
    f32(1 / f32(rope.theta ** f32((2 * i) / headDim))),
  );
  if (rope.type === "default") return plain;
  if (rope.type === "linear") return plain.map((f) => f32(f / rope.factor));
  return plain.map((f) => llama3(f, rope));
}

/** Llama 3.1: long waves are stretched by `factor`, short ones kept, those between blended. */
function llama3(frequency: number, rope: RopeParameters & { type: "llama3" }): number {
  const f32 = Math.fround;
  const turns = rope.originalMaxPositions / ((2 * Math.PI) / frequency);
  if (turns < rope.lowFrequencyFactor) return f32(frequency / rope.factor);
  if (turns > rope.highFrequencyFactor) return frequency;
  const smooth = (turns - rope.lowFrequencyFactor) / (rope.highFrequencyFactor - rope.lowFrequencyFactor);
  return f32(((1 - smooth) * frequency) / rope.factor + smooth * frequency);
}
