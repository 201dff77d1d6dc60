import { type AlignedText, originOf, sliceAligned } from "./aligned_text.ts";

/** A token that is recognised in the text before the model sees it, as tokenizer.json describes it. */
export interface AddedToken {
  id: number;
  content: string;
  special: boolean;
  /** Matched in the normalized text instead of the text as written. */
  normalized: boolean;
  /** Takes the white space on its left, or right, with it. */
  lstrip: boolean;
  rstrip: boolean;
  /** Only matched where no word character touches it. */
  single_word: boolean;
}

/** A part of the text: an added token, or a stretch of text between two. */
export type Section = { token: AddedToken; span: [number, number] } | { stretch: AlignedText };

/** Cuts the text at added tokens; among those that match at a place, the longest wins. */
export type AddedTokenSplitter = (text: AlignedText) => Section[];

/** `tokens` by the content to look for (normalized already where the text is). */
export function createAddedTokenSplitter(tokens: ReadonlyMap<string, AddedToken>): AddedTokenSplitter {
  if (tokens.size === 0) return (text) => [{ stretch: text }];
  const longestFirst = [...tokens.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(longestFirst.map(escapeRegex).join("|"), "gu");
  return (text) => splitAt(text, pattern, tokens);
}

function splitAt(text: AlignedText, pattern: RegExp, tokens: ReadonlyMap<string, AddedToken>): Section[] {
  const sections: Section[] = [];
  let done = 0;
  const addStretch = (to: number) => {
    if (done < to) sections.push({ stretch: sliceAligned(text, done, to) });
  };
  for (const { 0: content, index } of text.text.matchAll(pattern)) {
    const token = tokens.get(content)!;
    let [from, to] = [index, index + content.length];
    if (from < done || (token.single_word && touchesWord(text.text, from, to))) continue;
    if (token.lstrip) from = done + text.text.slice(done, from).trimEnd().length;
    if (token.rstrip) to = text.text.length - text.text.slice(to).trimStart().length;
    addStretch(from);
    sections.push({ token, span: originOf(text, from, to) });
    done = to;
  }
  addStretch(text.text.length);
  return sections;
}

function touchesWord(text: string, from: number, to: number): boolean {
  return /[\p{L}\p{N}\p{M}_]$/u.test(text.slice(0, from)) || /^[\p{L}\p{N}\p{M}_]/u.test(text.slice(to));
}

function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}
