import { flattenSequence, type Step } from "./sequence.ts";
import type { TokenizerFiles } from "./tokenizer_files.ts";

/** Fewer tokens than this no encoding of the text has. */
export type LeastTokens = (text: string) => number;

/**
 * A bound that costs a look at each byte, where encoding a long text takes seconds. A token of k bytes covers k bytes of
 * the text: if each byte counts 1 / (length of the longest token with it), those of a token count 1 at most together.
 * It is 0 where one token may stand for text without end: of steps that leave something out, or an unknown token.
 * @param bytes of every token
 */
export function createLeastTokens(files: TokenizerFiles, bytes: Iterable<Uint8Array>): LeastTokens {
  const forms = formsOf(files);
  if (!forms) return () => 0;
  const longest = longestWith(bytes);
  if (BYTES.some((byte) => longest.alone[byte] === 0)) return () => 0;
  const trimmed = withoutTaken(files);
  return (text) => {
    const written = forms.reduce((so, form) => form(so), trimmed(text));
    const counts = countBytes(written);
    return Math.floor(BYTES.reduce((sum, byte) => sum + counts[byte]! / longest.any[byte]!, 0));
  };
}

/** Leaves out tokens that take the space beside them with them, and that space. */
function withoutTaken({ addedTokens }: TokenizerFiles): (text: string) => string {
  const takers = addedTokens.filter(({ lstrip, rstrip }) => lstrip || rstrip);
  if (takers.some(({ normalized }) => normalized)) return (text) => text.replace(/\s+/g, "");
  return (text) => takers.reduce((so, { content }) => trimAround(so, content), text);
}

function trimAround(text: string, content: string): string {
  const parts = text.split(content);
  return parts.length === 1 ? text : parts.map((part) => part.trim()).join("");
}

/** Bytes that UTF-8 has. */
const BYTES = Array.from({ length: 0xf5 }, (_, byte) => byte).filter(
  (byte) => byte !== 0xc0 && byte !== 0xc1,
);
/** SentencePiece's space: a token with a space covers one that is written so, too, which has more bytes. */
const MARK = new TextEncoder().encode("▁");

function longestWith(tokens: Iterable<Uint8Array>) {
  const [any, alone] = [new Float64Array(256), new Float64Array(256)];
  let most = 0;
  for (const bytes of tokens) {
    most = Math.max(most, bytes.length);
    if (bytes.length === 1) alone[bytes[0]!] = 1;
    for (const byte of bytes) any[byte] = Math.max(any[byte]!, bytes.length);
  }
  for (const byte of MARK) any[byte] = MARK.length * most;
  return { any, alone };
}

const CHUNK = 1 << 16; // UTF-16 units

function countBytes(text: string): Float64Array {
  const counts = new Float64Array(256);
  const buffer = new Uint8Array(3 * CHUNK);
  for (let at = 0; at < text.length; ) {
    const { read, written } = utf8.encodeInto(text.slice(at, at + CHUNK), buffer);
    for (let i = 0; i < written; i++) counts[buffer[i]!]! += 1;
    at += read;
  }
  return counts;
}

const utf8 = new TextEncoder();

/** What is done to a text before it is cut into tokens; undefined where a step may leave any part of it out. */
function formsOf({
  normalizer,
  preTokenizer,
  model,
}: TokenizerFiles): ((text: string) => string)[] | undefined {
  const cuts = flattenSequence("pre_tokenizer", "pretokenizers", preTokenizer);
  const spellsAll = model.byte_fallback === true || cuts.some(({ type }) => type === "ByteLevel");
  if (!spellsAll || cuts.some(({ behavior }) => behavior === "Removed")) return undefined;
  const forms = flattenSequence("normalizer", "normalizers", normalizer).map(formOf);
  return forms.every((form) => form !== undefined) ? forms : undefined;
}

function formOf(step: Step): ((text: string) => string) | undefined {
  const { type, pattern, content } = step;
  if (type === "Prepend") return (text) => text;
  if (type === "Lowercase") return (text) => text.toLowerCase();
  if (type === "NFC" || type === "NFD" || type === "NFKC" || type === "NFKD")
    return (text) => text.normalize(type);
  const isMark = type === "Replace" && content === "▁" && (pattern as { String?: string })?.String === " ";
  return isMark ? (text) => text : undefined;
}
