import type { Moments } from "./adamw.ts";
import type { Trainable } from "./trainable.ts";
import { doWork, type UpdateThreads, type UpdateWork } from "./update_work.ts";

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
  const moments = momentsOf(trainables);
  return {
    moments,
    step(gradients, options) {
      const norm = globalNorm(gradients);
      for (const work of updates(trainables, gradients, moments, norm, options)) doWork(work);
      return norm / (options.lossScale ?? 1);
    },
  };
}

/** The same in several threads, for trainables and gradients of which each has a buffer of its own. */
export function threadedOptimizer(trainables: readonly Trainable[], threads: UpdateThreads) {
  const moments = momentsOf(trainables);
  return {
    moments,
    async step(gradients: Float32Array[], options: OptimizerStep): Promise<number> {
      const works = gradients.map((gradient): UpdateWork => ({ kind: "squares", arrays: [gradient] }));
      const sums = await threads.run(works);
      for (const [i, { arrays }] of works.entries()) gradients[i] = arrays[0];
      const norm = normOf(sums);
      const own = updates(trainables, gradients, moments, norm, options);
      await threads.run(own);
      for (const [i, { arrays }] of own.entries()) {
        const [p, gradient, m, v] = arrays;
        trainables[i]!.data = p;
        gradients[i] = gradient;
        Object.assign(moments[i]!, { m, v });
      }
      return norm / (options.lossScale ?? 1);
    },
  };
}

const momentsOf = (trainables: readonly Trainable[]): Moments[] =>
  trainables.map(({ data }) => ({ m: new Float32Array(data.length), v: new Float32Array(data.length) }));

type Update = Extract<UpdateWork, { kind: "update" }>;

/** None where the norm isn't finite. */
function updates(
  trainables: readonly Trainable[],
  gradients: readonly Float32Array[],
  moments: readonly Moments[],
  scaledNorm: number,
  { step, learningRate, weightDecay, maxGradNorm, lossScale = 1 }: OptimizerStep,
): Update[] {
  if (!Number.isFinite(scaledNorm / lossScale)) return [];
  const gradientScale = Math.min(1, maxGradNorm / (scaledNorm / lossScale + 1e-6)) / lossScale;
  return trainables.map(({ data, decayed, rate = 1 }, i) => ({
    kind: "update",
    arrays: [data, gradients[i]!, moments[i]!.m, moments[i]!.v],
    options: {
      ...{ step, gradientScale },
      learningRate: learningRate * rate,
      weightDecay: decayed ? weightDecay : 0,
    },
  }));
}

/** L2 norm over all gradients, summed in float64. */
export const globalNorm = (gradients: readonly Float32Array[]): number =>
  normOf(gradients.map((gradient) => doWork({ kind: "squares", arrays: [gradient] })));

const normOf = (squares: readonly number[]) => Math.sqrt(squares.reduce((sum, one) => sum + one, 0));
