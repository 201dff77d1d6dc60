import { type Adapter, isLora, type LoraWeights } from "../adapter.ts";
import { type LoraConfig, rankOf } from "./lora_config.ts";

/**
 * An adapter whose A and B began as a part of the base's weight, as one over the weight itself: with start A₀, B₀,
 *   W - s·B₀·A₀ + s·B·A = W + s·[B, -B₀]·[A; A₀]
 * of twice the rank and the same scale s, which is what PEFT's path_initial_model_for_weight_conversion makes. Others
 * stay as they are.
 */
export function plainLora(adapter: Adapter): Adapter {
  if (!isLora(adapter)) return adapter;
  if (![...adapter.modules.values()].some(({ start }) => start)) return adapter;
  return {
    ...adapter,
    config: doubled(adapter.config),
    modules: new Map(
      [...adapter.modules].map(([module, weights]) => [module, joined(weights, module, adapter.config)]),
    ),
  };
}

/** Twice the rank at the same scale: alpha grows as what it is divided by. */
function doubled({ initLoraWeights: _, ...config }: LoraConfig): LoraConfig {
  const factor = config.useRslora ? Math.SQRT2 : 2;
  const times = (patterns: Record<string, number>, n: number) =>
    Object.fromEntries(Object.entries(patterns).map(([key, value]) => [key, value * n]));
  return {
    ...config,
    r: 2 * config.r,
    alpha: factor * config.alpha,
    ...(config.rankPattern && { rankPattern: times(config.rankPattern, 2) }),
    ...(config.alphaPattern && { alphaPattern: times(config.alphaPattern, factor) }),
  };
}

function joined(weights: LoraWeights, module: string, config: LoraConfig): LoraWeights {
  const { A, B, start, in: inputs, out, embedding } = weights;
  const r = rankOf(config, module);
  const first = start ?? { A: new Float32Array(A.length), B: new Float32Array(B.length) };
  const joinedA = new Float32Array(2 * r * inputs); // [2r, in]
  joinedA.set(A);
  joinedA.set(first.A, A.length);
  const joinedB = new Float32Array(out * 2 * r); // [out, 2r]
  for (let o = 0; o < out; o++)
    for (let k = 0; k < r; k++) {
      joinedB[o * 2 * r + k] = B[o * r + k]!;
      joinedB[o * 2 * r + r + k] = -first.B[o * r + k]!;
    }
  return { r: 2 * r, in: inputs, out, A: joinedA, B: joinedB, ...(embedding && { embedding }) };
}
