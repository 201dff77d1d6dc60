import type { Tokenizer } from "../../tokenizers/tokenizer.ts";

/** Tokens by their bytes. */
export interface TokenTree {
  ids: number[];
  next: Map<number, TokenTree>;
}

const trees = new WeakMap<Tokenizer, TokenTree>();

/** All tokens of a tokenizer that are text, made once for each. */
export function tokenTree(tokenizer: Tokenizer): TokenTree {
  const made = trees.get(tokenizer) ?? build(tokenizer);
  trees.set(tokenizer, made);
  return made;
}

function build(tokenizer: Tokenizer): TokenTree {
  const root = emptyTree();
  for (let id = 0; id < tokenizer.vocabSize; id++) {
    if (tokenizer.isSpecial(id) || tokenizer.tokenOf(id) === undefined) continue;
    let at = root;
    for (const byte of tokenizer.bytesOf(id)) {
      const next = at.next.get(byte) ?? emptyTree();
      at.next.set(byte, next);
      at = next;
    }
    if (at !== root) at.ids.push(id);
  }
  return root;
}

const emptyTree = (): TokenTree => ({ ids: [], next: new Map() });
