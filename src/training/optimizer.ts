import { adamw, type Moments } from "./adamw.ts";
import type { Trainable } from "./trainable.ts";

export interface OptimizerStep {
  /** Counted from 1. */
  step: number;
  learningRate: number;
  weightDecay: number;
  /** Longest gradient that is applied as it is. */
  maxGradNorm: number;
  /** What gradients come multiplied by; 1 when left out. */
  lossScale?: number;
}

export interface Optimizer {
  /** In the order of the trainables. */
  moments: Moments[];
  /** Clips by the global norm, then updates. Gives back the norm before clipping. */
  step(gradients: readonly Float32Array[], options: OptimizerStep): number;
}

export function createOptimizer(trainables: readonly Trainable[]): Optimizer {
  const moments = trainables.map(({ data }) => ({
    m: new Float32Array(data.length),
    v: new Float32Array(data.length),
  }));
  return {
    moments,
    step(gradients, { step, learningRate, weightDecay, maxGradNorm, lossScale = 1 }) {
      const norm = globalNorm(gradients) / lossScale;
      if (!Number.isFinite(norm)) return norm;
      const gradientScale = Math.min(1, maxGradNorm / (norm + 1e-6)) / lossScale;
      trainables.forEach(({ data, decayed, rate = 1 }, i) => {
        const options = {
          step,
          learningRate: learningRate * rate,
          weightDecay: decayed ? weightDecay : 0,
          gradientScale,
        };
        adamw(data, gradients[i]!, moments[i]!, options);
      });
      return norm;
    },
  };
}

/** L2 norm over all gradients, summed in float64. */
export function globalNorm(gradients: readonly Float32Array[]): number {
  let sum = 0;
  for (const gradient of gradients)
    for (let i = 0; i < gradient.length; i++) sum += gradient[i]! * gradient[i]!;
  return Math.sqrt(sum);
}
