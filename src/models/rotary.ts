import { cast, cos, exp, less, log, mul, scale, shift, sin, where } from "../graph/ops/elementwise.ts";
import { rope as rotatePairs } from "../graph/ops/rope.ts";
import { concat, reshape, slice, transpose } from "../graph/ops/shape.ts";
import { constant, scalar } from "../graph/sources.ts";
import { COMPUTE_TYPE, type Tensor } from "../graph/tensor.ts";
import { notComputed } from "./config.ts";
import type { Pass } from "./family.ts";
import type { RopeParameters } from "./rope_config.ts";

/** Turns the heads x [T, ..., ..., E] of every token by its position. */
export type Rotation = (x: Tensor) => Tensor;

/** The rotation of one pass over heads of size E, halves paired with halves; of E, only the front may be turned. */
export function rotation(pass: Pass, rope: RopeParameters, E: number): Rotation {
  const { cos, sin } = angles(pass, rope, rotatedSize(rope, E));
  return (x) => rotatePairs(x, cos, sin);
}

/**
 * The rotation where neighbours are paired: what is turned of a head comes out with the first of each pair in front, the
 * second behind. Both queries and keys do, so their products are the same.
 */
export function rotationOfNeighbours(pass: Pass, rope: RopeParameters, E: number): Rotation {
  const [rotate, size] = [rotation(pass, rope, E), rotatedSize(rope, E)];
  return (x) => {
    const [T, K, G] = x.shape as [string, number, number];
    const front = size === E ? x : slice(x, -1, 0, size);
    const pairs = transpose(reshape(front, [T, K, G, size / 2, 2]), [0, 1, 2, 4, 3]);
    const apart = reshape(pairs, [T, K, G, size]);
    return rotate(size === E ? apart : concat([apart, slice(x, -1, size, E)], -1));
  };
}

function rotatedSize({ rotated }: RopeParameters, E: number): number {
  const size = Math.trunc(E * rotated);
  if (size % 2 === 0 && size > 0) return size;
  throw notComputed([
    {
      place: "partial_rotary_factor",
      expected: "an even number of rotated dimensions, more than 0",
      got: `${rotated} of head_dim ${E}, which is ${size}`,
    },
  ]);
}

/** Positions have more digits than 16 bits hold. */
const ANGLE_TYPE = "float32";

/** cos and sin [T, size/2], worked out in float32 whatever the model is computed in. */
function angles(pass: Pass, rope: RopeParameters, size: number) {
  const turned = mul(column(cast(pass.positions, ANGLE_TYPE)), frequencies(pass, rope, size)); // [T, size/2]
  const factor = "attentionFactor" in rope ? rope.attentionFactor : 1;
  const scaled = (x: Tensor) => (factor === 1 ? x : scale(x, factor));
  return { cos: cast(scaled(cos(turned)), COMPUTE_TYPE), sin: cast(scaled(sin(turned)), COMPUTE_TYPE) };
}

const column = (x: Tensor) => reshape(x, [x.shape[0]!, 1]);
const row = (values: readonly number[]) => constant(values, [1, values.length], ANGLE_TYPE);

/** Radians a position: [1, size/2], or [T, size/2] where they depend on how long each token's sequence is. */
function frequencies(pass: Pass, rope: RopeParameters, size: number): Tensor {
  if (rope.type === "dynamic") return dynamic(pass, rope, size);
  if (rope.type === "longrope") return longrope(pass, rope, size);
  return row(inverseFrequencies(rope, size));
}

/**
 * NTK-aware scaling that grows with the sequence: past `maxPositions` the base is theta · r^(size / (size - 2)) with
 * r = factor · length / maxPositions - (factor - 1).
 */
function dynamic(pass: Pass, rope: RopeParameters & { type: "dynamic" }, size: number): Tensor {
  const { factor, maxPositions } = rope;
  const length = pass.lengths();
  const limit = scalar(maxPositions, length);
  const counted = cast(where(less(length, limit), limit, length), ANGLE_TYPE);
  const r = column(shift(scale(counted, factor / maxPositions), 1 - factor)); // [T, 1]
  const exponents = Array.from({ length: size / 2 }, (_, i) => (size > 2 ? (-2 * i) / (size - 2) : 0));
  return mul(row(plainFrequencies(rope.theta, size)), exp(mul(log(r), row(exponents))));
}

/** One set of factors up to the original length, another beyond. */
function longrope(pass: Pass, rope: RopeParameters & { type: "longrope" }, size: number): Tensor {
  const f32 = Math.fround;
  const divided = (factors: readonly number[], key: string) => {
    if (factors.length !== size / 2)
      throw notComputed([{ place: key, expected: `${size / 2} entries`, got: String(factors.length) }]);
    return row(factors.map((f, i) => f32(1 / f32(f32(f) * f32(rope.theta ** f32((2 * i) / size))))));
  };
  const length = column(pass.lengths());
  const beyond = less(scalar(rope.originalMaxPositions, length), length); // [T, 1]
  return where(beyond, divided(rope.longFactors, "long_factor"), divided(rope.shortFactors, "short_factor"));
}

const plainFrequencies = (theta: number, size: number) =>
  Array.from({ length: size / 2 }, (_, i) =>
    Math.fround(1 / Math.fround(theta ** Math.fround((2 * i) / size))),
  );

/** Radians a position, [size/2], rounded to float32 where transformers' modeling_rope_utils.py rounds. */
export function inverseFrequencies(
  rope: RopeParameters & { type: "default" | "linear" | "proportional" | "llama3" | "yarn" },
  size: number,
): number[] {
  const plain = plainFrequencies(rope.theta, size);
  switch (rope.type) {
    case "default":
      return plain;
    case "linear":
      return plain.map((f) => Math.fround(f / rope.factor));
    case "proportional":
      return plain.map((f, i) => (i < Math.floor((rope.part * size) / 2) ? Math.fround(f / rope.factor) : 0));
    case "llama3":
      return plain.map((f) => llama3(f, rope));
    case "yarn":
      return yarn(plain, rope, size);
  }
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

/**
 * YaRN (Peng et al. 2023, https://arxiv.org/abs/2309.00071): dimensions that turn more than `betaFast` times within the
 * original length are kept, those that turn less than `betaSlow` times stretched, and between them a ramp.
 */
function yarn(plain: readonly number[], rope: RopeParameters & { type: "yarn" }, size: number): number[] {
  const { betaFast, betaSlow, truncate, factor, theta, originalMaxPositions } = rope;
  const dimension = (turns: number) =>
    (size * Math.log(originalMaxPositions / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const [first, last] = [dimension(betaFast), dimension(betaSlow)];
  const low = Math.max(truncate ? Math.floor(first) : first, 0);
  const end = Math.min(truncate ? Math.ceil(last) : last, size - 1);
  const high = end === low ? end + 0.001 : end;
  return plain.map((f, i) => {
    const stretched = Math.min(Math.max((i - low) / (high - low), 0), 1);
    return Math.fround((f / factor) * stretched + f * (1 - stretched));
  });
}
