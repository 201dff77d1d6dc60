/**
 * The bit pattern of the nearest float16, ties to even (IEEE 754): from 65,520 on it is infinite, a NaN is 0x7e00. The number
 * is rounded once, from all its 53 bits: by way of float32 it could go to the farther neighbour.
 */
export function halfBits(value: number): number {
  const size = Math.abs(value);
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  if (!(size < 65_520)) return Number.isNaN(value) ? 0x7e00 : sign | 0x7c00;
  const exponent = Math.max(exponentOf(size), -14); // below 2^-14 float16's steps stay the same
  const steps = size * 2 ** (10 - exponent); // exact
  return sign | (((exponent + 14) << 10) + toWhole(steps)); // a carry out of the mantissa lands in the exponent
}

const NO_FRACTION = 2 ** 52; // from here on a double has no room for fractions, and the sum is rounded to even

const toWhole = (x: number): number => x + NO_FRACTION - NO_FRACTION;

const view = new DataView(new ArrayBuffer(8));

/** Of a number's leading bit; of 0 and of those below 2^-1022 something far below -14. */
function exponentOf(size: number): number {
  view.setFloat64(0, size);
  return (view.getUint16(0) >>> 4) - 1023;
}
