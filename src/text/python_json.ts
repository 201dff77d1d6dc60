/**
 * JSON as Python's `json.dumps(value, indent=2, sort_keys=True)` writes it, byte for byte: transformers' and PEFT's
 * config files. Python tells 1 from 1.0 and transformers 5 refuses an integer where it expects a float, so whoever
 * writes says which numbers are floats.
 */
import { pathKey } from "./json_scan.ts";

type Path = (string | number)[];

/** `floats`: the places ({@link pathKey}) whose number is a float even when it is whole. No newline at the end. */
export function pythonJson(value: unknown, floats: ReadonlySet<string> = new Set()): string {
  return format(value, [], floats);
}

function format(value: unknown, path: Path, floats: ReadonlySet<string>): string {
  if (typeof value === "string") return quote(value);
  if (typeof value === "number") return formatNumber(value, path, floats);
  if (value === null || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) {
    return block(
      "[",
      "]",
      path,
      value.map((item, i) => format(item, [...path, i], floats)),
    );
  }
  if (typeof value === "object") {
    const entries = Object.entries(value).filter(([, item]) => item !== undefined);
    entries.sort(([a], [b]) => compareCodePoints(a, b));
    const lines = entries.map(([key, item]) => `${quote(key)}: ${format(item, [...path, key], floats)}`);
    return block("{", "}", path, lines);
  }
  throw new Error(`${pathKey(path)} is a ${typeof value}, which JSON cannot hold`);
}

function block(open: string, close: string, path: Path, lines: string[]): string {
  if (lines.length === 0) return open + close;
  const indent = "  ".repeat(path.length);
  return `${open}\n${lines.map((line) => `${indent}  ${line}`).join(",\n")}\n${indent}${close}`;
}

function formatNumber(value: number, path: Path, floats: ReadonlySet<string>): string {
  if (!Number.isFinite(value)) return String(value); // Infinity, -Infinity, NaN: no JSON, but what Python writes and reads
  const isInteger = Number.isInteger(value) && !Object.is(value, -0) && !floats.has(pathKey(path));
  return isInteger ? BigInt(value).toString() : pythonFloat(value);
}

/** Python's `repr(float)`: the shortest digits that read back equal, an exponent below 1e-4 and from 1e16 on. */
export function pythonFloat(value: number): string {
  const [digits, power] = Math.abs(value).toExponential().split("e") as [string, string];
  const exponent = Number(power);
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  if (exponent >= -4 && exponent < 16) return sign + withPoint(digits.replace(".", ""), exponent);
  return `${sign}${digits}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** `digits` (the first worth 10^exponent) as a plain decimal with at least one digit after the point. */
function withPoint(digits: string, exponent: number): string {
  if (exponent < 0) return `0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${whole}.${digits.slice(exponent + 1) || "0"}`;
}

/** Python escapes everything outside printable ASCII, by UTF-16 code unit; DEL is written as it is. */
function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Python orders strings by code point, JavaScript by UTF-16 unit: they differ above U+FFFF. */
function compareCodePoints(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = left[i]!.codePointAt(0)! - right[i]!.codePointAt(0)!;
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
