/** Whether all numbers are finite. A loop, since adapters have millions: zero times a number that is not finite is NaN. */
export function allFinite(values: Float32Array): boolean {
  let zeros = 0;
  for (let i = 0; i < values.length; i++) zeros += 0 * values[i]!;
  return zeros === 0;
}
