/** The parts that families are put together from. T tokens, D hidden_size, K key/value heads, G query heads each, E head_dim. */

import { gelu, geluTanh, silu } from "../graph/ops/activation.ts";
import { less, mul, shift, where } from "../graph/ops/elementwise.ts";
import { layerNorm, rmsNorm } from "../graph/ops/norm.ts";
import { reshape, slice } from "../graph/ops/shape.ts";
import { constant, scalar } from "../graph/sources.ts";
import type { Tensor } from "../graph/tensor.ts";
import { type ActivationName, headSize, notComputed } from "./config.ts";
import type { AttentionOptions, Pass } from "./family.ts";
import type { Scope } from "./scope.ts";

/** Norms x over its last axis with the parameters of `p`. */
export type Norm = (p: Scope, x: Tensor) => Tensor;

const width = (x: Tensor) => x.shape.at(-1) as number;

export const rmsNorms =
  (eps: number): Norm =>
  (p, x) =>
    rmsNorm(x, p.param("weight", [width(x)]), { eps });

/** Gemma keeps a norm's weight less 1. */
export const rmsNormsFromZero =
  (eps: number): Norm =>
  (p, x) =>
    rmsNorm(x, shift(p.param("weight", [width(x)]), 1), { eps });

export const layerNorms =
  (eps: number): Norm =>
  (p, x) =>
    layerNorm(x, p.param("weight", [width(x)]), p.param("bias", [width(x)]), { eps });

/** Nemotron keeps a layer norm's weight less 1. */
export const layerNormsFromZero =
  (eps: number): Norm =>
  (p, x) =>
    layerNorm(x, shift(p.param("weight", [width(x)]), 1), p.param("bias", [width(x)]), { eps });

/** Layer norm without a bias. */
export const layerNormsWithoutBias =
  (eps: number): Norm =>
  (p, x) =>
    layerNorm(x, p.param("weight", [width(x)]), filled(0, width(x)), { eps });

export const filled = (value: number, length: number) =>
  constant(Array<number>(length).fill(value), [length]);

const relu = (x: Tensor): Tensor => where(less(scalar(0, x), x), x, scalar(0, x));

/** relu(x)² (So et al. 2021, https://arxiv.org/abs/2109.08668). */
function squaredRelu(x: Tensor): Tensor {
  const positive = relu(x);
  return mul(positive, positive);
}

const ACTIVATIONS: Record<ActivationName, (x: Tensor) => Tensor> = {
  silu,
  swish: silu,
  gelu,
  gelu_new: geluTanh,
  gelu_pytorch_tanh: geluTanh,
  gelu_fast: geluTanh,
  relu,
  relu2: squaredRelu,
};

export const activate = (name: ActivationName, x: Tensor): Tensor => ACTIVATIONS[name](x);

export interface MlpOptions {
  /** intermediate_size. */
  size: number;
  activation: ActivationName;
  bias?: boolean;
  /** What becomes of a gate before its activation. */
  gate?: (x: Tensor) => Tensor;
  /** No adapter may sit on it: see LinearOptions. */
  fixed?: boolean;
}

export const GATED = { gate: "gate_proj", up: "up_proj", down: "down_proj" };

/** down_proj(act(gate_proj(x)) · up_proj(x)) (Shazeer 2020, https://arxiv.org/abs/2002.05202). */
export function gatedMlp(
  p: Scope,
  x: Tensor,
  { size, activation, bias, gate: opened = (t) => t, fixed }: MlpOptions,
  names = GATED,
): Tensor {
  const options = { bias, fixed };
  const gate = activate(activation, opened(p.linear(names.gate, x, size, options))); // [T, F]
  return p.linear(names.down, mul(gate, p.linear(names.up, x, size, options)), width(x), options);
}

/** The same where one layer makes the gate, and then what it gates. */
export function fusedGatedMlp(
  p: Scope,
  x: Tensor,
  { size, activation }: MlpOptions,
  names = { gateAndUp: "gate_up_proj", down: "down_proj" },
): Tensor {
  const both = p.linear(names.gateAndUp, x, 2 * size); // [T, 2F]
  const gate = activate(activation, slice(both, -1, 0, size));
  return p.linear(names.down, mul(slice(both, -1, size, 2 * size), gate), width(x));
}

/** An MLP without a gate: down(act(up(x))). */
export function plainMlp(
  p: Scope,
  x: Tensor,
  { size, activation, bias }: MlpOptions,
  names = { up: "up_proj", down: "down_proj" },
): Tensor {
  return p.linear(names.down, activate(activation, p.linear(names.up, x, size, { bias })), width(x), {
    bias,
  });
}

export interface HeadSizes {
  K: number;
  G: number;
  E: number;
}

interface HeadFields {
  hidden_size: number;
  num_attention_heads: number;
  num_key_value_heads?: number | null;
  head_dim?: number | null;
}

/** @param multiple of which a head's size must be one: rotary embedding pairs a head's halves */
export function headSizes(c: HeadFields, multiple = 2): HeadSizes {
  const heads = c.num_attention_heads;
  const K = c.num_key_value_heads ?? heads;
  if (heads % K !== 0)
    throw notComputed([
      {
        place: "num_key_value_heads",
        expected: `a divisor of num_attention_heads, ${heads}`,
        got: String(K),
      },
    ]);
  const E = c.head_dim ?? c.hidden_size / heads;
  if (E % multiple !== 0 || !headSize.safeParse(E).success)
    throw notComputed([
      {
        place: c.head_dim ? "head_dim" : "head_dim (hidden_size / num_attention_heads)",
        expected:
          multiple === 1 ? "a whole number" : "an even number, since rotary embedding pairs a head's halves",
        got: String(E),
      },
    ]);
  return { K, G: heads / K, E };
}

/** q [T, K, G, E], k and v [T, K, 1, E]. */
export interface Heads {
  q: Tensor;
  k: Tensor;
  v: Tensor;
}

export const splitHeads = (x: Tensor, K: number, G: number, E: number): Tensor =>
  reshape(x, [x.shape[0]!, K, G, E]);

export interface SelfAttentionOptions {
  heads: HeadSizes;
  /** Of q, k and v; of o. */
  bias?: { qkv: boolean; o: boolean };
  /** What becomes of all that q_proj, k_proj and v_proj give, each [T, heads·E], before it is split into heads. */
  projected?: (x: Tensor) => Tensor;
  /** What becomes of queries [T, K, G, E] and keys [T, K, 1, E] before they meet: norms, rotation. */
  prepare: (heads: Tensor, name: "q" | "k") => Tensor;
  /** The last layer's name, when it isn't o_proj. */
  output?: string;
  /** How scores become weights; the scale is E^-½ when left out. */
  attention?: Partial<AttentionOptions>;
}

/** q_proj, k_proj, v_proj, attention and o_proj: x [T, D] -> [T, D]. */
export function selfAttention(
  pass: Pass,
  layer: number,
  p: Scope,
  x: Tensor,
  options: SelfAttentionOptions,
): Tensor {
  const { heads, bias = { qkv: false, o: false }, projected = (t) => t, prepare, attention } = options;
  const { K, G, E } = heads;
  const project = (name: string, groups: number) =>
    splitHeads(projected(p.linear(name, x, K * groups * E, { bias: bias.qkv })), K, groups, E);
  const q = prepare(project("q_proj", G), "q");
  const k = prepare(project("k_proj", 1), "k");
  const y = attend(pass, layer, { q, k, v: project("v_proj", 1) }, attention);
  return p.linear(options.output ?? "o_proj", y, width(x), { bias: bias.o });
}

/** Attention of heads that are ready to meet -> [T, K·G·E]. */
export function attend(
  pass: Pass,
  layer: number,
  { q, k, v }: Heads,
  options: Partial<AttentionOptions> = {},
): Tensor {
  const [T, K, , E] = k.shape as [string, number, number, number];
  const flat = (t: Tensor) => reshape(t, [T, K, E]);
  return pass.attend(layer, q, flat(k), flat(v), { scale: E ** -0.5, ...options });
}
