/** Python's int has no bounds: a number where that is exact, else a bigint. */

import { charge } from "./budget.ts";
import { TemplateError } from "./error.ts";
import type { Int } from "./value.ts";

const MAX_BITS = 2 ** 17; // what is printed has at most MAX_DIGITS
const MAX_DIGITS = 4300; // sys.get_int_max_str_digits()

export function integer(value: bigint): Int {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Of a number that is whole. */
export const wholeNumber = (value: number): Int =>
  Number.isSafeInteger(value) ? value : integer(BigInt(value));

export function writeInteger(value: Int): string {
  if (typeof value === "number") return String(value);
  const text = value.toString();
  charge(text.length);
  if (text.length > MAX_DIGITS + 1) throw new TemplateError(`an int of more than ${MAX_DIGITS} digits`);
  return text;
}

/** Of decimal digits, with a sign or without. */
export function parseInteger(digits: string): Int {
  if (digits.length > MAX_DIGITS) throw new TemplateError(`an int of more than ${MAX_DIGITS} digits`);
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : integer(BigInt(digits.replace(/^\+/, "")));
}

/** @throws TemplateError when a float can't be that large. */
export function toFloat(value: Int): number {
  const number = Number(value);
  if (Number.isFinite(number) || typeof value === "number") return number;
  throw new TemplateError("an int is too large for a float");
}

/** `exact` computes what a number can't hold. */
const either =
  (fast: (a: number, b: number) => number, exact: (a: bigint, b: bigint) => bigint) =>
  (a: Int, b: Int): Int => {
    if (typeof a === "number" && typeof b === "number") {
      const result = fast(a, b);
      if (Number.isSafeInteger(result)) return result === 0 ? 0 : result;
    }
    const result = exact(BigInt(a), BigInt(b));
    charge(bitsOf(result) >> 3);
    if (bitsOf(result) > MAX_BITS) throw new TemplateError(`an int of more than ${MAX_BITS} bits`);
    return integer(result);
  };

export const bitsOf = (value: Int): number => {
  const digits = BigInt(value).toString(16).replace("-", "");
  return value === 0 ? 0 : (digits.length - 1) * 4 + Number.parseInt(digits[0]!, 16).toString(2).length;
};

export const addIntegers = either(
  (a, b) => a + b,
  (a, b) => a + b,
);
export const subtractIntegers = either(
  (a, b) => a - b,
  (a, b) => a - b,
);
export const multiplyIntegers = either(
  (a, b) => a * b,
  (a, b) => a * b,
);
/** The remainder has the divisor's sign, and the quotient is rounded down. */
export const moduloIntegers = either(
  (a, b) => (a % b !== 0 && a % b < 0 !== b < 0 ? (a % b) + b : a % b),
  (a, b) => (a % b !== 0n && a % b < 0n !== b < 0n ? (a % b) + b : a % b),
);
export const divideIntegersDown = (a: Int, b: Int): Int => {
  const whole = subtractIntegers(a, moduloIntegers(a, b));
  return typeof whole === "number" && typeof b === "number"
    ? wholeNumber(whole / b)
    : integer(BigInt(whole) / BigInt(b));
};

export function raiseInteger(base: Int, exponent: Int): Int {
  const isSmall = base === 0 || base === 1 || base === -1;
  if (!isSmall && Number(exponent) * (bitsOf(base) - 1) > MAX_BITS)
    throw new TemplateError(`an int of more than ${MAX_BITS} bits`);
  if (isSmall) return base === -1 && BigInt(exponent) % 2n === 0n ? 1 : exponent === 0 ? 1 : base;
  charge(Number(exponent) * bitsOf(base));
  return integer(BigInt(base) ** BigInt(exponent));
}

/** The float nearest to a / b. */
export function divideIntegers(a: Int, b: Int): number {
  if (typeof a === "number" && typeof b === "number") return a / b;
  // 64 bits of the quotient and whether there are more say how it is rounded.
  const [x, y] = [BigInt(a), BigInt(b)];
  const shift = 66 - (bitsOf(a) - bitsOf(b));
  const [dividend, divisor] =
    shift > 0 ? [abs(x) << BigInt(shift), abs(y)] : [abs(x), abs(y) << BigInt(-shift)];
  const quotient = ((dividend / divisor) << 1n) | (dividend % divisor === 0n ? 0n : 1n);
  const half = Math.trunc((-shift - 1) / 2); // 2 to the whole could be too small for a float
  const result = Number(quotient) * 2 ** half * 2 ** (-shift - 1 - half);
  if (!Number.isFinite(result)) throw new TemplateError("the quotient is too large for a float");
  return x < 0n !== y < 0n ? -result : result;
}

const abs = (value: bigint): bigint => (value < 0n ? -value : value);
