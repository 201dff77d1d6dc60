import { add, mul } from "../graph/ops/elementwise.ts";
import { reshape, slice, transpose } from "../graph/ops/shape.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Pass } from "./family.ts";
import type { Scope } from "./scope.ts";

export interface ConvolutionOptions {
  /** Tokens that one is made of, itself included. */
  size: number;
  bias?: boolean;
  /** Sequences share no prefixes: see BeforeOptions. */
  sideBySide?: boolean;
}

/** Each channel of x [T, D] convolved over its own sequence's last tokens: PyTorch's causal, depthwise Conv1d. */
export function shortConvolution(
  pass: Pass,
  layer: number,
  p: Scope,
  x: Tensor,
  { size, bias = false, sideBySide = false }: ConvolutionOptions,
): Tensor {
  const D = x.shape[1] as number;
  const weights = transpose(reshape(p.param("weight", [D, 1, size]), [D, size]), [1, 0]); // the last is the token's own
  const taps = [x, ...pass.before(layer, x, size - 1, { sideBySide })];
  const parts = taps.map((tap, back) => mul(tap, slice(weights, 0, size - 1 - back, size - back)));
  const y = parts.reduce((total, part) => add(total, part));
  return bias ? add(y, p.param("bias", [D])) : y;
}

/** LFM2's mixing of tokens: C · conv(B · x), where B, C and x [T, D] come from one projection, and another one behind. */
export function gatedConvolution(
  pass: Pass,
  layer: number,
  p: Scope,
  x: Tensor,
  options: ConvolutionOptions,
): Tensor {
  const D = x.shape[1] as number;
  const { bias } = options;
  const all = p.linear("in_proj", x, 3 * D, { bias }); // [T, 3D]
  const part = (i: number) => slice(all, -1, i * D, (i + 1) * D);
  const y = shortConvolution(pass, layer, p.at("conv"), mul(part(0), part(2)), options);
  return p.linear("out_proj", mul(part(1), y), D, { bias });
}
