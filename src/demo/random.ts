/** Random choices of one example. Which ones depends only on the address it was made from. */
export interface Random {
  /** A whole number in [0, limit). */
  below(limit: number): number;
  /** A whole number in [low, high]. */
  between(low: number, high: number): number;
  pick<T>(items: readonly T[]): T;
  /** `count` different items, in random order. */
  sample<T>(items: readonly T[], count: number): T[];
}

/** The random choices that belong to an address such as (seed, "instructions", "copy", 17). */
export function randomAt(...address: (string | number)[]): Random {
  let state = hash32(address.join("\u0000"));
  const below = (limit: number) => {
    state = (state + 0x9e3779b9) | 0; // Weyl sequence, mixed: splitmix32
    return Math.floor((mix32(state) / 2 ** 32) * limit);
  };
  const sample = <T>(items: readonly T[], count: number) => {
    const rest = [...items];
    return Array.from({ length: count }, () => rest.splice(below(rest.length), 1)[0]!);
  };
  return {
    below,
    between: (low, high) => low + below(high - low + 1),
    pick: (items) => items[below(items.length)]!,
    sample,
  };
}

/** FNV-1a over UTF-16 code units, mixed: a whole number in [0, 2^32). */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return mix32(hash);
}

/** The finalizer of MurmurHash3 (Appleby): every bit of the input reaches every bit of the result. */
function mix32(bits: number): number {
  let x = bits;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
  return (x ^ (x >>> 16)) >>> 0;
}
