/** Bytes up to which arrays lie together: what a large model trains would be there twice while it is copied. */
const LIMIT = 16 * 2 ** 20;
const ALIGNED = 16; // floats: a cache line

/**
 * The same arrays as parts of one buffer, when they are small. A session is lent buffers, and lending a hundred of them takes
 * longer than a small model's pass.
 */
export function inOneBuffer(arrays: readonly Float32Array[]): Float32Array[] {
  if (!fitOneBuffer(arrays)) return [...arrays];
  const size = alignedSize(arrays);
  const whole = new Float32Array(size);
  let at = 0;
  return arrays.map((array) => {
    const part = whole.subarray(at, at + array.length);
    part.set(array);
    at += aligned(array.length);
    return part;
  });
}

/** Whether arrays of such lengths are small enough to lie together. */
export const fitOneBuffer = (arrays: readonly { length: number }[]): boolean =>
  4 * alignedSize(arrays) <= LIMIT;

const alignedSize = (arrays: readonly { length: number }[]) =>
  arrays.reduce((n, { length }) => n + aligned(length), 0);

const aligned = (length: number) => Math.ceil(length / ALIGNED) * ALIGNED;
