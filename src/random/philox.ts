/** Two words of 32 bits. */
export type Key = [number, number];
/** Four words of 32 bits. */
export type Counter = [number, number, number, number];

const ROUNDS = 10;
const [M0, M1] = [0xd2511f53, 0xcd9e8d57];
const [W0, W1] = [0x9e3779b9, 0xbb67ae85];

/**
 * Philox 4x32-10, a counter-based generator: four random words for each counter and key (Salmon et al. 2011,
 * "Parallel random numbers: as easy as 1, 2, 3", https://doi.org/10.1145/2063384.2063405).
 */
export function philox(counter: Counter, key: Key): Uint32Array {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < ROUNDS; round++) {
    const [high0, low0] = [multiplyHigh(M0, c0), Math.imul(M0, c0)];
    const [high1, low1] = [multiplyHigh(M1, c2), Math.imul(M1, c2)];
    c0 = high1 ^ c1 ^ k0;
    c1 = low1;
    c2 = high0 ^ c3 ^ k1;
    c3 = low0;
    k0 = (k0 + W0) | 0;
    k1 = (k1 + W1) | 0;
  }
  return Uint32Array.of(c0, c1, c2, c3);
}

/** The upper 32 bits of a product, in halves that a float64 holds exactly. */
function multiplyHigh(a: number, b: number): number {
  const [a0, a1] = [a & 0xffff, a >>> 16];
  const [b0, b1] = [b & 0xffff, b >>> 16];
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  const carry = ((middle & 0xffff) + a0 * b1) >>> 16;
  return (a1 * b1 + (middle >>> 16) + carry) | 0;
}
