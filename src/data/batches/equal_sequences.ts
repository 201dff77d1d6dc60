import { hashWords } from "../../random/hash_words.ts";
import type { TokenSequence } from "../tokenize/token_sequence.ts";
import type { SequenceStore } from "./sequence_store.ts";

/**
 * For each sequence the index of the first that has the same tokens and label weights: its own, where there is none
 * before it. Reads each sequence once, and once more those that have an equal; keeps about 30 bytes for each.
 * @param hash for tests; hashes only say where to look, sequences are compared.
 * @returns [store.length]
 */
export function firstEqual(store: SequenceStore, hash = hashSequence): Uint32Array {
  const first = new Uint32Array(store.length);
  const table = hashTable(store.length);
  for (let i = 0; i < store.length; i++) {
    const sequence = store.at(i);
    const isEqual = (other: number) => equal(sequence, store.at(other));
    first[i] = table.findOrAdd(hash(sequence), i, isEqual);
  }
  return first;
}

/** Words of 32 bits: the tokens, then the bits of the label weights. */
function hashSequence({ tokens, labelWeights }: TokenSequence): readonly number[] {
  const words = new Uint32Array(tokens.length + labelWeights.length);
  words.set(tokens);
  new Float32Array(words.buffer).set(labelWeights, tokens.length);
  return hashWords(words);
}

const equal = (a: TokenSequence, b: TokenSequence) =>
  sameValues(a.tokens, b.tokens) && sameValues(a.labelWeights, b.labelWeights);

function sameValues(a: Int32Array | Float32Array, b: Int32Array | Float32Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

const HASH_WORDS = 4;
const EMPTY = 0xffffffff;

/** Open addressing with linear probing, in typed arrays: slots hold indices, `hashes` each index's hash. */
function hashTable(size: number) {
  const capacity = 2 ** Math.ceil(Math.log2(1.5 * size + 1));
  const slots = new Uint32Array(capacity).fill(EMPTY);
  const hashes = new Uint32Array(HASH_WORDS * size);
  const sameHash = (index: number, hash: readonly number[]) =>
    hash.every((word, k) => hashes[HASH_WORDS * index + k] === word);
  return {
    /** The index that was added under this hash and is equal; otherwise adds `index`. */
    findOrAdd(hash: readonly number[], index: number, isEqual: (other: number) => boolean): number {
      let slot = hash[0]! & (capacity - 1);
      for (; slots[slot] !== EMPTY; slot = (slot + 1) & (capacity - 1)) {
        const other = slots[slot]!;
        if (sameHash(other, hash) && isEqual(other)) return other;
      }
      slots[slot] = index;
      hashes.set(hash, HASH_WORDS * index);
      return index;
    },
  };
}
