/** `count` 32-bit words, signed, that `seed` decides: splitmix32 (https://github.com/bryc/code/blob/master/jshash/PRNGs.md). */
export function words(count: number, seed: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    let x = Math.imul(seed * 0x10001 + i + 1, 0x9e3779b9);
    x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
    x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
    return x ^ (x >>> 15);
  });
}

/** Numbers in [-1, 1), exact in float32. */
export const uniform = (count: number, seed: number): number[] =>
  words(count, seed).map((word) => (word >> 8) / 2 ** 23);
