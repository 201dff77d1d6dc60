import type { Pack } from "./pack_row.ts";

const LEAST = 64;

/**
 * A length that few others are, too: four to an octave, so that at most a fifth is padding from 256 on. A device whose kernels and
 * buffers are made for a shape then meets the same shapes again.
 */
export const bucketOf = (length: number): number => {
  const step = Math.max(LEAST, 2 ** (Math.ceil(Math.log2(Math.max(length, 1))) - 3));
  return Math.ceil(length / step) * step;
};

/**
 * The pack with tokens and labels up to the next bucket. Each token that is added is a sequence of its own, which no other sees,
 * and a label that is added predicts nothing: values and gradients of the others stay.
 */
export function paddedPack(pack: Pack): Pack {
  const T = pack.tokens.length;
  const [tokens, labels] = [bucketOf(T), bucketOf(pack.targets.length)];
  return {
    tokens: longer(pack.tokens, tokens),
    positions: longer(pack.positions, tokens),
    ends: longer(pack.ends, tokens, (i) => i + 1),
    sources: longer(pack.sources, labels),
    targets: longer(pack.targets, labels),
    uses: pack.uses,
  };
}

function longer(values: Int32Array, length: number, added: (i: number) => number = () => 0): Int32Array {
  return Int32Array.from({ length }, (_, i) => values[i] ?? added(i));
}
