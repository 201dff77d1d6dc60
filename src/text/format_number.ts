/** Numbers and times as people read them. */

/** 1234567 → 1,234,567 */
export const formatCount = (value: number): string => value.toLocaleString("en-US");

/** "1 step", "2 steps" */
export const plural = (value: number, noun: string): string =>
  `${formatCount(value)} ${noun}${value === 1 ? "" : "s"}`;

/** 1.2 GB, 34.5 MB, 12 KB: decimal units, as disks and networks are sold. */
export function formatBytes(bytes: number): string {
  const power = Math.min(4, Math.max(0, Math.floor(Math.log10(Math.max(1, bytes)) / 3)));
  const value = bytes / 1000 ** power;
  return `${value.toFixed(power >= 2 && value < 100 ? 1 : 0)} ${["B", "KB", "MB", "GB", "TB"][power]}`;
}

/** Seconds → 8s, 2m 05s, 1h 03m */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`;
}

/** Four digits or so: 2.3457, 0.0123, 12.346 */
export const formatLoss = (loss: number): string => (loss >= 10 ? loss.toFixed(3) : loss.toFixed(4));

/** A share of one: 1.23%, 0.0041% */
export function formatPercent(share: number): string {
  const percent = 100 * share;
  if (percent === 0) return "0%";
  return `${percent >= 0.1 ? percent.toFixed(percent >= 10 ? 1 : 2) : percent.toPrecision(2)}%`;
}

/** Of a learning rate: 2.00e-4 */
export const formatRate = (rate: number): string => rate.toExponential(2);
