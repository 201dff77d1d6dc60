/** How Python writes numbers by a format: what `%` and str.format() share. */

import { chargeText } from "./budget.ts";
import { fixed, scientific } from "./digits.ts";

/** `%e`, `%f`, `%g` or `%%` of a float, without its sign. */
export function floatDigits(
  value: number,
  type: string,
  { precision, alternate }: { precision: number; alternate: boolean },
): string {
  const upper = type === type.toUpperCase() && type !== "%";
  const kind = type.toLowerCase();
  const written = special(value) ?? finite(Math.abs(value), kind, precision, alternate);
  const text = kind === "%" ? `${written}%` : written;
  return upper ? text.toUpperCase() : text;
}

function special(value: number): string | undefined {
  if (Number.isNaN(value)) return "nan";
  return Number.isFinite(value) ? undefined : "inf";
}

function finite(value: number, kind: string, precision: number, alternate: boolean): string {
  chargeText(precision);
  if (kind === "%") return finite(value * 100, "f", precision, alternate);
  if (kind === "f") return fixed(value, precision) + (alternate && precision === 0 ? "." : "");
  if (kind === "e") return exponential(scientific(value, precision), alternate);
  return general(value, Math.max(1, precision), alternate, 0);
}

/** `%g`: exponents below -4 and from the precision (less `early`) on; no zeros at the end. */
export function general(value: number, precision: number, alternate: boolean, early: number): string {
  const { digits, exponent } = scientific(value, precision - 1);
  const kept = alternate ? digits : digits.replace(/0+$/, "") || "0";
  if (exponent < -4 || exponent >= precision - early)
    return exponential({ digits: kept, exponent }, alternate);
  if (exponent < 0) return `0.${"0".repeat(-exponent - 1)}${kept}`;
  const fraction = kept.slice(exponent + 1);
  return (
    kept.slice(0, exponent + 1).padEnd(exponent + 1, "0") + (fraction || alternate ? `.${fraction}` : "")
  );
}

function exponential({ digits, exponent }: { digits: string; exponent: number }, alternate: boolean): string {
  const fraction = digits.slice(1);
  const power = String(Math.abs(exponent)).padStart(2, "0");
  return `${digits[0]}${fraction || alternate ? `.${fraction}` : ""}e${exponent < 0 ? "-" : "+"}${power}`;
}

/** `1234567` with a separator between groups of `size` digits, and zeros before it up to `width`. */
export function grouped(digits: string, separator: string, size: number, width = 0): string {
  const [whole, rest] = splitWhole(digits);
  const missing = Math.max(0, width - rest.length);
  let padded = whole;
  while (groupedLength(padded.length, size) < missing) padded = `0${padded}`;
  const groups = [];
  for (let end = padded.length; end > 0; end -= size)
    groups.unshift(padded.slice(Math.max(0, end - size), end));
  return groups.join(separator) + rest;
}

const groupedLength = (digits: number, size: number) => digits + Math.floor((digits - 1) / size);

function splitWhole(digits: string): [whole: string, rest: string] {
  const at = digits.search(/[.e%]/i);
  return /^[\da-f]+$/i.test(digits) || at < 0 ? [digits, ""] : [digits.slice(0, at), digits.slice(at)];
}
