import { philox } from "./philox.ts";

/**
 * Addressed randomness: every number is a function of (seed, purpose, step, index), so nothing needs to be saved for
 * a resume. The key of Philox is the seed and the purpose, its counter the step and the index.
 */

/** An integer of [0, 2^32). Seeds and indices are integers of [0, 2^53), steps of [0, 2^32). */
export function randomUint32(seed: number, purpose: string, step: number, index: number): number {
  return block(seed, purpose, step, Math.floor(index / 4))[index % 4]!;
}

/** A number of [0, 1) with 24 bits, which float32 holds exactly. */
export function randomUniform(seed: number, purpose: string, step: number, index: number): number {
  return toUnit(randomUint32(seed, purpose, step, index));
}

/** A number of the standard normal distribution (Box-Muller). */
export function randomNormal(seed: number, purpose: string, step: number, index: number): number {
  const words = block(seed, purpose, step, Math.floor(index / 2));
  return toNormal(words, index % 2);
}

/** `randomNormal` of indices 0 to count - 1. */
export function randomNormals(count: number, seed: number, purpose: string, step: number): Float32Array {
  return filled(count, (index) => randomNormal(seed, purpose, step, index));
}

/** The numbers 0 to n - 1 in the random order of this epoch (Fisher-Yates). */
export function permutation(n: number, seed: number, purpose: string, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const other = Math.floor((randomUint32(seed, purpose, epoch, i) / 2 ** 32) * (i + 1));
    [order[i], order[other]] = [order[other]!, order[i]!];
  }
  return order;
}

const low = (value: number) => value >>> 0;
const high = (value: number) => Math.floor(value / 2 ** 32);

/** The block made last, which neighbouring indices share. */
let last = { seed: 0, purpose: "", step: 0, index: 0, words: philox([0, 0, 0, 0], [0, hash("")]) };

function block(seed: number, purpose: string, step: number, index: number): Uint32Array {
  const isLast = last.index === index && last.step === step && last.purpose === purpose && last.seed === seed;
  if (!isLast) {
    const words = philox([low(index), high(index), low(step), high(seed)], [low(seed), hash(purpose)]);
    last = { seed, purpose, step, index, words };
  }
  return last.words;
}

function filled(count: number, number: (index: number) => number): Float32Array {
  const out = new Float32Array(count);
  for (let i = 0; i < count; i++) out[i] = number(i);
  return out;
}

function toUnit(word: number): number {
  return (word >>> 8) / 2 ** 24;
}

function toNormal(words: Uint32Array, index: number): number {
  const radius = Math.sqrt(-2 * Math.log((words[2 * index]! + 0.5) / 2 ** 32));
  return radius * Math.cos((2 * Math.PI * words[2 * index + 1]!) / 2 ** 32);
}

/** FNV-1a, 32 bits. */
function hash(purpose: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < purpose.length; i++) value = Math.imul(value ^ purpose.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
