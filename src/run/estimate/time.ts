import type { MeasuredPass, MeasuredRun } from "./measurement.ts";
import type { PassCost, PassSize } from "./pass_cost.ts";

/** Where a run's time goes, in seconds. */
export interface TimeParts {
  /** Modules, data, weights and graphs, until the first step. */
  start: number;
  /** Values of the model before training, where the objective compares with them. */
  reference: number;
  steps: number;
  evaluation: number;
  /** Checkpoints and results. */
  saving: number;
}

export const sumOfTime = (parts: TimeParts): number =>
  Object.values(parts).reduce((sum, seconds) => sum + seconds, 0);

export type PassTime = (size: PassSize) => number;

/** Multiplications a second and core where nothing was measured: a server's, of 2023. */
const SPEED = 45e9;

export const assumedTime = (cost: PassCost, cores: number): PassTime => {
  return (size) => cost(size) / (SPEED * cores);
};

/** Time by cost as a straight line through what was measured: a fixed part, and one that grows with the cost. */
export function fittedTime(passes: readonly MeasuredPass[], cost: PassCost): PassTime | undefined {
  const known = passes.some(({ isFirst }) => !isFirst) ? passes.filter(({ isFirst }) => !isFirst) : passes;
  if (known.length === 0) return undefined;
  const points = known.map((pass) => ({ x: cost(pass), y: pass.seconds }));
  const mean = (of: (point: { x: number; y: number }) => number) =>
    points.reduce((sum, p) => sum + of(p), 0) / points.length;
  const [x, y] = [mean((p) => p.x), mean((p) => p.y)];
  const spread = mean((p) => (p.x - x) ** 2);
  const slope = spread > (SPREAD * x) ** 2 ? mean((p) => (p.x - x) * (p.y - y)) / spread : y / x;
  const bounded = Math.min(Math.max(slope, 0), y / x); // neither part is negative
  return (size) => y + bounded * (cost(size) - x);
}

/** Costs that lie this close together tell no slope. */
const SPREAD = 0.2;

/** What passes that were a graph's first took longer than others would. */
export const warmUp = (passes: readonly MeasuredPass[], time: PassTime): number =>
  passes
    .filter(({ isFirst }) => isFirst)
    .reduce((sum, pass) => sum + Math.max(0, pass.seconds - time(pass)), 0);

export const timeOf = (passes: readonly PassSize[], time: PassTime, host: MeasuredRun["host"] = 0): number =>
  passes.reduce((sum, pass) => sum + time(pass) + host, 0);
