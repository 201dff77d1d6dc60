import type { Values } from "./evaluate.ts";

/**
 * How `actual` differs from `expected` by more than `tolerance` times the largest expected magnitude: how many entries are
 * off, the worst and where. "" when none does.
 */
export function difference(actual: Values, expected: Values, tolerance: number): string {
  if (actual.shape.join() !== expected.shape.join())
    return `shape [${actual.shape}], expected [${expected.shape}]`;
  const largest = expected.data.reduce((n, v) => (Number.isFinite(v) ? Math.max(n, Math.abs(v)) : n), 0) || 1;
  const errors = expected.data.map((e, i) =>
    actual.data[i] === e ? 0 : Math.abs(actual.data[i]! - e) / largest,
  );
  const off = [...errors.keys()].filter((i) => !(errors[i]! <= tolerance));
  if (!off.length) return "";
  const worst = off.reduce((a, b) => (errors[b]! > errors[a]! || Number.isNaN(errors[b]!) ? b : a));
  return (
    `${off.length} of ${errors.length} entries are off by more than ${tolerance}; the worst, ${errors[worst]}, ` +
    `at ${worst}: ${actual.data[worst]}, expected ${expected.data[worst]}`
  );
}
