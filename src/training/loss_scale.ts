import * as z from "zod";
import type { OptimizedState } from "./trained_state.ts";

/** What computing linear layers in float16 does to the result, by `npm run check-webgpu -- --float16`. */
export const FLOAT16_COST = "losses within 1% of float32's in PEFT's golden runs; no GPU has run it yet";

/**
 * What losses are multiplied by before the backward pass, and gradients divided by after it: what float16 would round to zero
 * is kept (Micikevicius et al. 2017, https://arxiv.org/abs/1710.03740).
 */
export const LossScale = z.strictObject({
  value: z.number().positive(),
  /** Steps since the value last changed. */
  goodSteps: z.int().nonnegative(),
  /** Of the whole run: their gradients weren't finite, and they changed nothing. */
  skippedSteps: z.int().nonnegative(),
});
export type LossScale = z.output<typeof LossScale>;

export const FIRST_SCALE: LossScale = { value: 2 ** 16, goodSteps: 0, skippedSteps: 0 };

/** Good steps until a larger value is tried. */
const GROWTH = 2000;

/** The scale of the step after one whose gradient was finite, or wasn't: halved then, doubled where it held for long. */
export function nextScale({ value, goodSteps, skippedSteps }: LossScale, isGood: boolean): LossScale {
  if (!isGood) return { value: value / 2, goodSteps: 0, skippedSteps: skippedSteps + 1 };
  if (goodSteps + 1 < GROWTH) return { value, goodSteps: goodSteps + 1, skippedSteps };
  return { value: value * 2, goodSteps: 0, skippedSteps };
}

/** A scale of a run, which its steps change. */
export interface RunningScale {
  now(): LossScale;
  /** Goes on from where a checkpoint was. */
  restore(from: LossScale): void;
}

/** The state with losses scaled: it skips steps whose gradient isn't finite, which its optimizer doesn't count. */
export function withLossScale<G>(state: OptimizedState<G>): OptimizedState<G> {
  let scale = FIRST_SCALE;
  return {
    ...state,
    lossScale: {
      now: () => scale,
      restore(from) {
        scale = from;
      },
    },
    async step(gradients, options) {
      const step = options.step - scale.skippedSteps;
      const norm = await state.step(gradients, { ...options, step, lossScale: scale.value });
      scale = nextScale(scale, Number.isFinite(norm));
      return norm;
    },
  };
}

/** Below it nothing is gained: the numbers themselves don't fit. */
const LEAST = 1;

/** Whether a step whose gradient wasn't finite is no error, since a smaller scale is tried next. */
export const isSkipped = (scale: RunningScale | undefined): scale is RunningScale =>
  scale !== undefined && scale.now().value >= LEAST;

/** A step's figures of it, by the names of metrics.jsonl. */
export const scaleMetrics = (scale: RunningScale | undefined): Record<string, number> => {
  if (!scale) return {};
  const { value, skippedSteps } = scale.now();
  return { lossScale: value, skippedSteps };
};
