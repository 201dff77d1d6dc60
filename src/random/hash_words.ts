/** 128 bits. */
export type Hash = readonly [number, number, number, number];

const [C1, C2, C3, C4] = [0x239b961b, 0xab0e9789, 0x38b34ae5, 0xa1e38b93];

/**
 * MurmurHash3_x86_128 of words of 32 bits, as four such words
 * (https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp). Equal hashes are no proof where someone may
 * have wanted them so: compare.
 */
export function hashWords(words: Uint32Array, seed = 0): Hash {
  let [h1, h2, h3, h4] = [seed, seed, seed, seed];
  const whole = words.length - (words.length % 4);
  for (let i = 0; i < whole; i += 4) {
    h1 = (Math.imul(rotate(h1 ^ scramble(words[i]!, C1, 15, C2), 19) + h2, 5) + 0x561ccd1b) | 0;
    h2 = (Math.imul(rotate(h2 ^ scramble(words[i + 1]!, C2, 16, C3), 17) + h3, 5) + 0x0bcaa747) | 0;
    h3 = (Math.imul(rotate(h3 ^ scramble(words[i + 2]!, C3, 17, C4), 15) + h4, 5) + 0x96cd1c35) | 0;
    h4 = (Math.imul(rotate(h4 ^ scramble(words[i + 3]!, C4, 18, C1), 13) + h1, 5) + 0x32ac3b17) | 0;
  }
  // The words left over; of one that isn't there, 0 is scrambled, which is 0.
  h1 ^= scramble(words[whole] ?? 0, C1, 15, C2);
  h2 ^= scramble(words[whole + 1] ?? 0, C2, 16, C3);
  h3 ^= scramble(words[whole + 2] ?? 0, C3, 17, C4);
  const bytes = 4 * words.length;
  const mixed = addUp([h1 ^ bytes, h2 ^ bytes, h3 ^ bytes, h4 ^ bytes]);
  return addUp([avalanche(mixed[0]), avalanche(mixed[1]), avalanche(mixed[2]), avalanche(mixed[3])]);
}

const rotate = (word: number, bits: number) => (word << bits) | (word >>> (32 - bits));

const scramble = (word: number, before: number, bits: number, after: number) =>
  Math.imul(rotate(Math.imul(word, before), bits), after);

function addUp([a, b, c, d]: Hash): Hash {
  const first = (a + b + c + d) >>> 0;
  return [first, (b + first) >>> 0, (c + first) >>> 0, (d + first) >>> 0];
}

function avalanche(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
