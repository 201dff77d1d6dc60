/** Draws of one input, decided by its seed alone. */
export interface Draw {
  /** A whole number from 0 to `count` - 1. */
  below(count: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
}

/** mulberry32 (https://github.com/bryc/code/blob/master/jshash/PRNGs.md), begun by the target's name and the seed. */
export function createDraw(name: string, seed: number): Draw {
  let state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
  for (const char of name) state = Math.imul(state ^ char.charCodeAt(0), 0x01000193);
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const draw: Draw = {
    below: (count) => Math.floor(next() * count),
    chance: (probability) => next() < probability,
    pick: (list) => list[draw.below(list.length)]!,
  };
  return draw;
}
