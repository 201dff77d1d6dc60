import { AttuneError } from "../text/errors.ts";
import { type AlignedText, originOf, sliceAligned } from "./aligned_text.ts";
import { RUST_WORD, WHITE_SPACE } from "./patterns/named_sets.ts";
import { isPair, placeBefore } from "./patterns/surrogates.ts";
import { createTokenTrie, type TokenTrie } from "./prefix_tree.ts";

/** A token that is recognised in the text before the model sees it, as tokenizer.json describes it. */
export interface AddedToken {
  id: number;
  content: string;
  special: boolean;
  /** Matched in the normalized text instead of the text as written. */
  normalized: boolean;
  /** Takes the white space on its left, or right, with it: what Rust's `char::is_whitespace` calls so. */
  lstrip: boolean;
  rstrip: boolean;
  /** Only matched where no word character (`\w` of Rust's regex crate) touches it. */
  single_word: boolean;
}

/** What a text consists of: added tokens, and the stretches between them. */
export interface Sections {
  token(token: AddedToken, span: [start: number, end: number]): void;
  stretch(stretch: AlignedText): void;
}

/** Cuts a text at added tokens, in order; among those that match at a place, the longest wins. */
export type AddedTokenSplitter = (text: AlignedText, sections: Sections) => void;

const LONGEST = 1024; // UTF-16 units: each place of a text is compared with that many

/**
 * @param tokens with the content to look for, normalized already where the text is; what is written alike is the first.
 * @throws AttuneError for a token that is no text, or too long to be looked for everywhere.
 */
export function createAddedTokenSplitter(tokens: readonly [string, AddedToken][]): AddedTokenSplitter {
  const written = tokens.filter(([content]) => content !== "");
  if (written.length === 0) return (text, sections) => sections.stretch(text);
  const tree = createTokenTrie();
  written.forEach(([content], i) => {
    if (content.length > LONGEST || HALF_PAIR.test(content)) throw unreadable(content);
    tree.add(content, i);
  });
  return (text, sections) => splitAt(text, tree, (i) => written[i]![1], sections);
}

const HALF_PAIR = /\p{Surrogate}/u;

function unreadable(content: string): AttuneError {
  return new AttuneError({
    code: "tokenizers.unreadable-token",
    place: "tokenizer.json: added_tokens",
    expected: `text of at most ${LONGEST} characters`,
    got: `${content.length}: ${JSON.stringify(content.slice(0, 40))}`,
  });
}

/**
 * As tokenizers' `AddedVocabulary::find_matches`. White space that a token has taken is still looked through for
 * tokens, so that one that is white space comes again, as it does there.
 */
function splitAt(
  aligned: AlignedText,
  tree: TokenTrie,
  tokenOf: (index: number) => AddedToken,
  sections: Sections,
): void {
  const { text } = aligned;
  let done = 0;
  const addStretch = (to: number) => {
    if (done < to)
      sections.stretch(done === 0 && to === text.length ? aligned : sliceAligned(aligned, done, to));
  };
  for (let at = 0; at < text.length; ) {
    const length = tree.longest(text, at);
    if (length === 0) {
      at++;
      continue;
    }
    const token = tokenOf(tree.found);
    let [from, to] = [at, at + length];
    at = to;
    if (token.single_word && touchesWord(text, from, to)) continue;
    if (token.lstrip) from = Math.max(done, spaceBefore(text, from));
    if (token.rstrip) to = spaceBehind(text, to);
    addStretch(from);
    sections.token(token, originOf(aligned, from, to));
    done = to;
  }
  addStretch(text.length);
}

function touchesWord(text: string, from: number, to: number): boolean {
  return (from > 0 && holds(RUST_WORD, text, placeBefore(text, from))) || holds(RUST_WORD, text, to);
}

function spaceBefore(text: string, from: number): number {
  let at = from;
  while (at > 0 && holds(WHITE_SPACE, text, placeBefore(text, at))) at = placeBefore(text, at);
  return at;
}

function spaceBehind(text: string, to: number): number {
  let at = to;
  while (holds(WHITE_SPACE, text, at)) at += isPair(text, at) ? 2 : 1;
  return at;
}

function holds(set: typeof WHITE_SPACE, text: string, at: number): boolean {
  return at < text.length && set.has(text.codePointAt(at)!);
}
