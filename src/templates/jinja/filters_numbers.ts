import { integer } from "./arguments.ts";
import { COST, charge } from "./budget.ts";
import { fixed, roundTo } from "./digits.ts";
import { TemplateError } from "./error.ts";
import {
  divideIntegers,
  multiplyIntegers,
  integer as normal,
  parseInteger,
  raiseInteger,
  toFloat,
  wholeNumber,
} from "./integers.ts";
import { strip } from "./strip.ts";
import { Float, type Int, intOf, numberOf, textOf, truth, typeName, type Value } from "./value.ts";

/** Decimal digits of all scripts are digits, to Python. */
const asciiDigits = (text: string): string =>
  text.replace(/(?![0-9])\p{Nd}/gu, (char) => {
    let zero = char.codePointAt(0)!;
    while (zero > 0 && /\p{Nd}/u.test(String.fromCodePoint(zero - 1))) zero--;
    return String((char.codePointAt(0)! - zero) % 10);
  });

function numeral(text: string): string {
  charge(text.length * COST.character);
  return asciiDigits(strip(text, undefined));
}

/** Python's int(text, base); undefined where that is none. */
function readInteger(text: string, base: number): Int | undefined {
  const found = /^([-+]?)(?:0([box])_?)?([\da-z]+(?:_[\da-z]+)*)$/i.exec(numeral(text));
  if (!found) return undefined;
  const [, sign = "", letter = "", written = ""] = found;
  const named = { b: 2, o: 8, x: 16 }[letter.toLowerCase()];
  const radix = base === 0 ? (named ?? 10) : base;
  const isPrefix = named === radix;
  const digits = (letter === "" || isPrefix ? written : `0${letter}${written}`)
    .replaceAll("_", "")
    .toLowerCase();
  if (letter !== "" && !isPrefix && !/^[\da-z]+$/.test(digits)) return undefined;
  if (base === 0 && letter === "" && /^0+[1-9]/.test(digits)) return undefined;
  if (Array.from(digits).some((digit) => Number.parseInt(digit, 36) >= radix)) return undefined;
  if (radix === 10 && digits.length > 4300) return undefined;
  const size = radix === 10 ? parseInteger(digits) : digitsOf(digits, radix);
  return sign === "-" && size !== 0 ? -size : size;
}

function digitsOf(digits: string, radix: number): Int {
  charge(digits.length ** 2);
  let value = 0n;
  for (const digit of digits) value = value * BigInt(radix) + BigInt(Number.parseInt(digit, 36));
  return normal(value);
}

const FLOAT = /^[-+]?(?:(?:\d+(?:_\d+)*)?\.?(?:\d+(?:_\d+)*)?(?:e[-+]?\d+(?:_\d+)*)?|inf|infinity|nan)$/i;

/** Python's float(text); undefined where that is none. */
function readFloat(text: string): number | undefined {
  const written = numeral(text);
  if (!FLOAT.test(written) || !/\d|inf|nan/i.test(written) || /^[-+]?\.?e/i.test(written)) return undefined;
  if (/nan/i.test(written)) return Number.NaN;
  if (/inf/i.test(written))
    return written.startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return Number(written.replaceAll("_", ""));
}

function int(value: Value, fallback: Value = 0, base: Value = 10): Value {
  const text = textOf(value);
  if (text !== undefined) {
    const radix = integer("int", base);
    const found = radix === 0 || (radix > 1 && radix <= 36) ? readInteger(text, radix) : undefined;
    const float = found ?? readFloat(text);
    if (found !== undefined) return found;
    return float === undefined || !Number.isFinite(float as number)
      ? fallback
      : wholeNumber(Math.trunc(float as number));
  }
  if (value === undefined) throw new TemplateError("int of an undefined value");
  if (value instanceof Float) {
    if (Number.isNaN(value.value)) return fallback;
    if (!Number.isFinite(value.value)) throw new TemplateError("infinity is no int");
    return wholeNumber(Math.trunc(value.value));
  }
  return intOf(value) ?? fallback;
}

function float(value: Value, fallback: Value = new Float(0)): Value {
  const text = textOf(value);
  if (text !== undefined) {
    const found = readFloat(text);
    return found === undefined ? fallback : new Float(found);
  }
  if (value === undefined) throw new TemplateError("float of an undefined value");
  const number = numberOf(value);
  return number === undefined ? fallback : new Float(toFloat(number));
}

function round(value: Value, precision: Value = 0, method: Value = "common"): Value {
  const [number, places] = [numberOf(value), integer("round", precision)];
  if (number === undefined) throw new TemplateError(`${typeName(value)} can't be rounded`);
  if (method === "common")
    return value instanceof Float ? new Float(rounded(value.value, places)) : roundInteger(number, places);
  if (method !== "ceil" && method !== "floor")
    throw new TemplateError("round: the method is common, ceil or floor");
  const towards = method === "ceil" ? Math.ceil : Math.floor;
  if (!(value instanceof Float) && places >= 0) {
    const factor = raiseInteger(10, places);
    return new Float(divideIntegers(multiplyIntegers(number, factor), factor));
  }
  const factor = places < 0 ? 10 ** places : toFloat(raiseInteger(10, places));
  const whole = towards(Number(number) * factor);
  if (!Number.isFinite(whole)) throw new TemplateError("infinity is no int");
  return new Float((whole || 0) / factor);
}

function rounded(value: number, places: number): number {
  const result = roundTo(value, places);
  if (!Number.isFinite(result) && Number.isFinite(value))
    throw new TemplateError("the result is too large for a float");
  return result;
}

/** Half to even. */
function roundInteger(value: Int, places: number): Int {
  if (places >= 0) return value;
  if (places < -5000) return 0;
  const unit = 10n ** BigInt(-places);
  const whole = BigInt(value);
  const rest = ((whole % unit) + unit) % unit;
  const low = whole - rest;
  const isUp = 2n * rest > unit || (2n * rest === unit && (low / unit) % 2n !== 0n);
  return normal(isUp ? low + unit : low);
}

function abs(value: Value): Value {
  if (value instanceof Float) return new Float(Math.abs(value.value));
  const whole = intOf(value);
  if (whole === undefined) throw new TemplateError(`abs needs a number, got ${typeName(value)}`);
  return whole < 0 ? -whole : whole;
}

function fileSize(value: Value, binary: Value): string {
  const number = numberOf(value);
  const bytes = number === undefined ? readFloat(textOf(value) ?? "") : toFloat(number);
  if (bytes === undefined) throw new TemplateError(`filesizeformat needs a number, got ${typeName(value)}`);
  const base = truth(binary) ? 1024 : 1000;
  if (bytes === 1) return "1 Byte";
  if (bytes < base) return `${whole(bytes)} Bytes`;
  const units = truth(binary)
    ? ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"]
    : ["kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
  const found = units.findIndex((_, i) => bytes < BigInt(base) ** BigInt(i + 2));
  const at = found < 0 ? units.length - 1 : found;
  const size = (base * bytes) / base ** (at + 2);
  return `${Number.isFinite(size) ? fixed(size, 1) : "inf"} ${units[at]}`;
}

function whole(value: number): Int {
  if (Number.isFinite(value)) return wholeNumber(Math.trunc(value));
  throw new TemplateError("infinity is no int");
}

type Row = readonly [name: string, args: string, run: (value: Value, ...args: Value[]) => Value];

export const NUMBER_FILTERS: readonly Row[] = [
  ["int", "default? base?", int],
  ["float", "default?", float],
  ["round", "precision? method?", round],
  ["abs", "", abs],
  ["filesizeformat", "binary?", fileSize],
];
