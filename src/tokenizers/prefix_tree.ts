import { AttuneError } from "../text/errors.ts";

/** Words by their beginnings: finds the longest that a text goes on with. */
export interface TokenTrie {
  /** The first value of a word stays. @throws AttuneError when there are too many words. */
  add(word: string, value: number): void;
  /** Length of the longest word that stands at `at`, 0 if none does; its value is `found` then. */
  longest(text: string, at: number): number;
  found: number;
  /** Calls `each` with the length and value of every word that stands at `at`, shortest first. */
  all(text: string, at: number, each: (length: number, value: number) => void): void;
}

const UNITS = 0x10000;
const MOST_NODES = 2 ** 22; // 250,000 words have about a million

export function createTokenTrie(): TokenTrie {
  const children = new Map<number, number>(); // by node * UNITS + unit
  const values: (number | undefined)[] = [undefined]; // of the words that end at a node
  const begins = new Uint8Array(UNITS); // units that a word begins with: most places of a text need no more

  const tree: TokenTrie = {
    found: -1,
    add(word, value) {
      if (values.length + word.length > MOST_NODES) throw tooLarge();
      let node = 0;
      for (let i = 0; i < word.length; i++) {
        const key = node * UNITS + word.charCodeAt(i);
        node = children.get(key) ?? values.push(undefined) - 1;
        children.set(key, node);
      }
      begins[word.charCodeAt(0)] = 1;
      values[node] ??= value;
    },
    longest(text, at) {
      if (begins[text.charCodeAt(at)] !== 1) return 0;
      let longest = 0;
      let node: number | undefined = 0;
      for (let i = at; i < text.length; i++) {
        node = children.get(node * UNITS + text.charCodeAt(i));
        if (node === undefined) break;
        const value = values[node];
        if (value === undefined) continue;
        longest = i + 1 - at;
        tree.found = value;
      }
      return longest;
    },
    all(text, at, each) {
      let node: number | undefined = 0;
      for (let i = at; i < text.length; i++) {
        node = children.get(node * UNITS + text.charCodeAt(i));
        if (node === undefined) return;
        const value = values[node];
        if (value !== undefined) each(i + 1 - at, value);
      }
    },
  };
  return tree;
}

function tooLarge(): AttuneError {
  return new AttuneError({
    code: "tokenizers.large-vocabulary",
    place: "tokenizer.json",
    problem: `its tokens have more than ${MOST_NODES} characters together`,
  });
}
