/**
 * Codes of blocks of 32 numbers of a row, as MatMulNBits and GatherBlockQuantized read them: unsigned, around 8 or 128, times
 * the block's float32 scale; of two 4-bit codes in a byte the first is the low half.
 */
export const BLOCK = 32;

export type Bits = 4 | 8;

export const codeBytes = (numbers: number, bits: Bits) => (numbers * bits) / 8;

/** 8 bits: largest magnitude / 127. 4 bits: the number of largest magnitude / -8, which then is exact. */
export function blockScales(values: Float32Array, bits: Bits): Float32Array {
  const scales = new Float32Array(values.length / BLOCK);
  for (let block = 0; block < scales.length; block++) {
    let largest = 0;
    for (let i = block * BLOCK; i < (block + 1) * BLOCK; i++)
      if (Math.abs(values[i]!) > Math.abs(largest)) largest = values[i]!;
    scales[block] = bits === 8 ? Math.abs(largest) / 127 : largest / -8;
  }
  return scales;
}

export function blockCodes(values: Float32Array, bits: Bits): Uint8Array {
  const [scales, middle, most] = [blockScales(values, bits), 2 ** (bits - 1), 2 ** bits - 1];
  const codes = new Uint8Array(codeBytes(values.length, bits));
  const codeOf = (i: number, inverse: number) => {
    const code = Math.round(values[i]! * inverse) + middle;
    return code > most ? most : code;
  };
  for (const [block, scale] of scales.entries()) {
    const inverse = scale === 0 ? 0 : 1 / scale;
    for (let i = block * BLOCK; i < (block + 1) * BLOCK; i++)
      if (bits === 8) codes[i] = codeOf(i, inverse);
      else codes[i >> 1]! |= codeOf(i, inverse) << (4 * (i & 1));
  }
  return codes;
}

/** What codes stand for. */
export function blockValues(codes: Uint8Array, scales: Float32Array, bits: Bits): Float32Array {
  const values = new Float32Array((codes.length * 8) / bits);
  for (let i = 0; i < values.length; i++) {
    const code = bits === 8 ? codes[i]! : (codes[i >> 1]! >> (4 * (i & 1))) & 15;
    values[i] = (code - 2 ** (bits - 1)) * scales[Math.floor(i / BLOCK)]!;
  }
  return values;
}
