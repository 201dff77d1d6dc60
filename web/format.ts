import type { Language } from "./language.ts";

export const count = (n: number, language: Language): string => n.toLocaleString(language);

/** "1.64 million", or "1.64M". */
export const compact = (n: number, language: Language, compactDisplay: "long" | "short" = "long"): string =>
  new Intl.NumberFormat(language, {
    notation: "compact",
    compactDisplay,
    maximumSignificantDigits: 3,
  }).format(n);

export function gigabytes(bytes: number, language: Language): string {
  const [size, unit] = bytes >= 1e9 ? [bytes / 1e9, "GB"] : [bytes / 1e6, "MB"];
  return `${size.toLocaleString(language, { maximumSignificantDigits: 3 })} ${unit}`;
}

export const percent = (share: number): string => `${Math.floor(100 * share)}%`;

/** "1:05", "1:02:03". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (n: number) => String(n).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** As short as an axis needs it. */
export const loss = (value: number): string => String(Number(value.toPrecision(3)));
