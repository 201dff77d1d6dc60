import type { StepEvent } from "../training/events.ts";
import { formatCount, formatDuration, formatLoss, formatRate } from "./format.ts";

/** What is shown of a step. */
export interface StepStatus {
  step: number;
  totalSteps: number;
  epoch: number;
  /** Smoothed over the last steps, as `tokensPerSecond` is. */
  loss: number;
  learningRate: number;
  tokensPerSecond: number;
  secondsLeft: number;
}

export const stepStatus = (event: StepEvent, loss: number, tokensPerSecond: number): StepStatus => ({
  ...event,
  loss,
  tokensPerSecond,
});

/** For a log: step 120/375  epoch 0.96  loss 1.2345  … */
export const stepLine = (status: StepStatus): string =>
  [place(status), `epoch ${status.epoch.toFixed(2)}`, ...measures(status)].join("  ");

const BAR = { least: 8, most: 24 };

/** For a live line: as much as `columns` have room for, the bar in what is left. */
export function stepBar(status: StepStatus, columns: number): string {
  const parts = measures(status);
  const room = () => columns - [place(status), ...parts].join("  ").length - 2;
  while (parts.length > 1 && room() < BAR.least) parts.splice(-2, 1); // the time left goes last
  const width = Math.min(BAR.most, room());
  const progress = width >= BAR.least ? [bar(status.step / status.totalSteps, width)] : [];
  return [place(status), ...progress, ...parts].join("  ");
}

const place = ({ step, totalSteps }: StepStatus) =>
  `step ${String(step).padStart(String(totalSteps).length)}/${totalSteps}`;

const measures = ({ loss, learningRate, tokensPerSecond, secondsLeft }: StepStatus) => [
  `loss ${formatLoss(loss)}`,
  `rate ${formatRate(learningRate)}`,
  `${formatCount(Math.round(tokensPerSecond))} tokens/s`,
  `${formatDuration(Math.max(0, secondsLeft))} left`,
];

export function bar(share: number, width: number): string {
  const done = Math.round(share * width);
  return "━".repeat(done) + "─".repeat(width - done);
}
