/** A float's decimal digits, rounded as C's printf does: half to even of its exact value. JavaScript rounds up. */

const FRACTION = 1100; // digits after the point: no float has more

/** Positive and finite: digits × 10^-fraction, nearest. */
function scaled(value: number, fraction: number): bigint {
  const [mantissa, exponent] = parts(value);
  const numerator = mantissa * 10n ** BigInt(Math.max(0, fraction)) * 2n ** BigInt(Math.max(0, exponent));
  const denominator = 10n ** BigInt(Math.max(0, -fraction)) * 2n ** BigInt(Math.max(0, -exponent));
  const [quotient, twice] = [numerator / denominator, 2n * (numerator % denominator)];
  const isUp = twice > denominator || (twice === denominator && quotient % 2n === 1n);
  return isUp ? quotient + 1n : quotient;
}

/** value = mantissa × 2^exponent */
export function parts(value: number): [bigint, number] {
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  const exponent = (bits.getUint16(0) >> 4) & 0x7ff;
  const fraction = bits.getBigUint64(0) & 0xfffffffffffffn;
  return exponent === 0 ? [fraction, -1074] : [fraction | 0x10000000000000n, exponent - 1075];
}

/** `%f` of a value that is not negative. */
export function fixed(value: number, precision: number): string {
  const known = Math.min(precision, FRACTION);
  const digits = scaled(value, known)
    .toString()
    .padStart(known + 1, "0");
  if (precision === 0) return digits;
  return `${digits.slice(0, digits.length - known)}.${digits.slice(digits.length - known).padEnd(precision, "0")}`;
}

/** The digits and the power of ten of `%e`: "1234" and 2 are 1.234e2. */
export function scientific(value: number, precision: number): { digits: string; exponent: number } {
  if (value === 0) return { digits: "0".repeat(precision + 1), exponent: 0 };
  const known = Math.min(precision, FRACTION);
  let exponent = Number(value.toExponential().split("e")[1]);
  let digits = scaled(value, known - exponent).toString();
  if (digits.length > known + 1) digits = scaled(value, known - ++exponent).toString();
  return { digits: digits.padEnd(precision + 1, "0"), exponent };
}

/** Python's round() of a float, to a power of ten. */
export function roundTo(value: number, precision: number): number {
  if (!Number.isFinite(value) || value === 0 || precision > 330) return value;
  if (precision < -330) return 0 * value;
  const digits = scaled(Math.abs(value), precision);
  return Math.sign(value) * Number(`${digits}e${-precision}`) || 0 * value;
}
