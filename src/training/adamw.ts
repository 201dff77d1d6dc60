/** β and ε as in PyTorch's defaults. */
export const BETA1 = 0.9;
export const BETA2 = 0.999;
export const EPSILON = 1e-8;

/** Running means of a parameter's gradient and of its square. */
export interface Moments {
  m: Float32Array;
  v: Float32Array;
}

export interface AdamWStep {
  /** Counted from 1. */
  step: number;
  learningRate: number;
  weightDecay: number;
  /** Factor of the gradient: the clip's. */
  gradientScale: number;
}

/**
 * One step of AdamW (Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101), in place, as torch.optim.AdamW:
 *   p ← p·(1 - lr·decay);  m ← β1·m + (1-β1)·g;  v ← β2·v + (1-β2)·g²;  p ← p - lr·m̂ / (√v̂ + ε)
 */
export function adamw(p: Float32Array, gradient: Float32Array, { m, v }: Moments, options: AdamWStep): void {
  const { step, learningRate, weightDecay, gradientScale } = options;
  const keep = 1 - learningRate * weightDecay;
  const rate = learningRate / (1 - BETA1 ** step);
  const correction = 1 / Math.sqrt(1 - BETA2 ** step);
  for (let i = 0; i < p.length; i++) {
    const g = gradient[i]! * gradientScale;
    const mi = BETA1 * m[i]! + (1 - BETA1) * g;
    const vi = BETA2 * v[i]! + (1 - BETA2) * g * g;
    m[i] = mi;
    v[i] = vi;
    p[i] = p[i]! * keep - (rate * mi) / (Math.sqrt(vi) * correction + EPSILON);
  }
}
