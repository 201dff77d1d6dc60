export type ScheduleName = "linear" | "cosine" | "constant";

export interface Schedule {
  name: ScheduleName;
  learningRate: number;
  warmupRatio: number;
  totalSteps: number;
}

/**
 * The learning rate of `step`, counted from 1, by the formulas of transformers' optimization.py: warm-up takes
 * ceil(N · warmupRatio) steps and starts at 0. It never takes the last one, so that every run has a step at the full rate.
 */
export function learningRateAt(
  step: number,
  { name, learningRate, warmupRatio, totalSteps }: Schedule,
): number {
  const done = step - 1;
  const warmup = Math.min(Math.ceil(totalSteps * warmupRatio), totalSteps - 1);
  if (done < warmup) return (learningRate * done) / warmup;
  const progress = (done - warmup) / Math.max(1, totalSteps - warmup);
  return learningRate * Math.max(0, DECAY[name](progress));
}

const DECAY: Record<ScheduleName, (progress: number) => number> = {
  constant: () => 1,
  linear: (q) => 1 - q,
  cosine: (q) => 0.5 * (1 + Math.cos(Math.PI * q)),
};

/** Whether the held-out examples are evaluated after `step`: before the first and after the last one they always are. */
export function isEvaluationDue(
  step: number,
  {
    every,
    stepsPerEpoch,
    totalSteps,
  }: { every: "epoch" | number; stepsPerEpoch: number; totalSteps: number },
): boolean {
  if (step === 0 || step === totalSteps) return true;
  return step % (every === "epoch" ? stepsPerEpoch : every) === 0;
}
