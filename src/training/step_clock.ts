/** Tells how many seconds are left after `step`, which took `seconds`. */
export type StepClock = (step: number, seconds: number) => number;

/** Seconds left, from a running mean of the steps' times. */
export function stepClock(totalSteps: number): StepClock {
  let mean: number | undefined;
  return (step, seconds) => {
    mean = mean === undefined ? seconds : 0.9 * mean + 0.1 * seconds;
    return (totalSteps - step) * mean;
  };
}
