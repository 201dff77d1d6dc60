/** A chart's vertical axis: what its ends stand for, and evenly spaced labels from top to bottom. */
export interface Axis {
  low: number;
  high: number;
  isLog: boolean;
  labels: string[];
}

const INTERVALS = 4;
const LOG_FROM = 30; // times the middle value

/**
 * Round ends around the finite of `values`, with labels between. Where single values are far above the others, and none
 * below zero, in powers of ten.
 */
export function axisOf(values: readonly number[], show: (value: number) => string, fromZero = false): Axis {
  const finite = values.filter(Number.isFinite).sort((a, b) => a - b);
  const [low, high] = [finite[0] ?? 0, finite.at(-1) ?? 1];
  const middle = finite[finite.length >> 1] ?? 1;
  if (low > 0 && high > LOG_FROM * middle) return logAxis(low, high);
  return linearAxis(fromZero ? Math.min(0, low) : low, high, show);
}

function linearAxis(low: number, high: number, show: (value: number) => string): Axis {
  const span = high - low || Math.abs(high) || 1;
  const top = low + span;
  const step = roundStep(span / INTERVALS);
  const from = Math.floor(low / step + 1e-9);
  const to = Math.max(from + 1, Math.ceil(top / step - 1e-9));
  const ticks = Array.from({ length: to - from + 1 }, (_, i) => (to - i) * step);
  return { low: from * step, high: to * step, isLog: false, labels: ticks.map(show) };
}

function roundStep(step: number): number {
  const power = 10 ** Math.floor(Math.log10(step));
  const times = [1, 2, 2.5, 5, 10].find((times) => times * power >= step * (1 - 1e-9)) ?? 10;
  return times * power;
}

function logAxis(low: number, high: number): Axis {
  const bottom = Math.floor(Math.log10(low));
  const powers = Math.max(1, Math.ceil(Math.log10(high)) - bottom);
  const stride = Math.ceil(powers / 5);
  const top = bottom + Math.ceil(powers / stride) * stride;
  const labels: string[] = [];
  for (let power = top; power >= bottom; power -= stride) labels.push(tenTo(power));
  return { low: 10 ** bottom, high: 10 ** top, isLog: true, labels };
}

const tenTo = (power: number) => (power >= -2 && power <= 4 ? String(Number(`1e${power}`)) : `1e${power}`);

/** Where `value` lies between the axis' ends: 0 at the bottom, 1 at the top. */
export function heightOn({ low, high, isLog }: Axis, value: number): number {
  const at = isLog ? Math.log10 : (x: number) => x;
  return (at(value) - at(low)) / (at(high) - at(low));
}
