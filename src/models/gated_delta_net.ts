import { silu, softplus } from "../graph/ops/activation.ts";
import { add, exp, mul, neg, sigmoid } from "../graph/ops/elementwise.ts";
import { rmsNorm } from "../graph/ops/norm.ts";
import { reshape, slice } from "../graph/ops/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { ActivationName } from "./config.ts";
import type { KeptStates, Pass } from "./family.ts";
import { activate, filled, rmsNorms } from "./layers.ts";
import type { Scope } from "./scope.ts";
import { shortConvolution } from "./short_convolution.ts";

/** H key heads of size Dk, G value heads of size Dv each, a convolution over `size` tokens. */
export interface DeltaNet {
  H: number;
  G: number;
  Dk: number;
  Dv: number;
  size: number;
  activation: ActivationName;
  eps: number;
}

export const deltaNetStates = ({ H, G, Dk, Dv }: DeltaNet): KeptStates => ({
  convolved: [H * (2 * Dk + G * Dv)],
  key: [H, Dk],
  value: [H, G, Dv],
  decayed: [2 * H * G],
});

/** What is computed of a token: queries, keys and values side by side [T, 2·H·Dk + H·G·Dv], a gate z [T, H·G·Dv], b and a [T, H·G]. */
export interface DeltaNetInputs {
  mixed: Tensor;
  z: Tensor;
  b: Tensor;
  a: Tensor;
}

/** Gated DeltaNet (Yang et al. 2024, https://arxiv.org/abs/2412.06464), but for its first and last projections: [T, H·G·Dv]. */
export function gatedDeltaNet(
  pass: Pass,
  layer: number,
  p: Scope,
  inputs: DeltaNetInputs,
  net: DeltaNet,
): Tensor {
  const { H, G, Dk, Dv, size, activation, eps } = net;
  const T = inputs.mixed.shape[0]!;
  const convolved = activate(
    activation,
    shortConvolution(pass, layer, p.at("conv1d"), inputs.mixed, { size, sideBySide: true }),
  );
  const part = (from: number, shape: number[]) =>
    reshape(slice(convolved, 1, from, from + shape.reduce((n, d) => n * d)), [T, ...shape]);
  const perHead = (x: Tensor) => reshape(x, [T, H, G]);
  const rate = exp(p.param("A_log", [H * G]));
  const read = pass.deltaRule(layer, {
    q: unitLength(part(0, [H, Dk]), Dk ** -0.5),
    k: unitLength(part(H * Dk, [H, Dk]), 1),
    v: part(2 * H * Dk, [H, G, Dv]),
    decay: perHead(neg(mul(rate, softplus(add(inputs.a, p.param("dt_bias", [H * G])))))),
    beta: perHead(sigmoid(inputs.b)),
  });
  const normed = rmsNorms(eps)(p.at("norm"), read);
  return mul(reshape(normed, [T, H * G * Dv]), silu(inputs.z));
}

const LENGTH_EPS = 1e-6;

/** x [..., E] of length `length`: x · length / sqrt(Σx² + eps). */
function unitLength(x: Tensor, length: number): Tensor {
  const E = x.shape.at(-1) as number;
  return rmsNorm(x, filled(length * E ** -0.5, E), { eps: LENGTH_EPS / E });
}
