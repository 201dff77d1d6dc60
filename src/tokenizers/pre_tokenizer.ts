import { AttuneError } from "../text/errors.ts";
import { type AlignedText, type Rewrite, rewriteAligned, sliceAligned } from "./aligned_text.ts";
import { BYTE_TO_CHAR } from "./byte_alphabet.ts";
import { compilePattern } from "./pattern.ts";

/** Cuts a stretch of text into the pieces that the model encodes one by one. */
export type PreTokenizer = (text: AlignedText) => AlignedText[];

/** The `pre_tokenizer` of tokenizer.json, keeping track of where each character came from. */
export function createPreTokenizer(config: unknown): PreTokenizer {
  if (config === null || config === undefined) return (text) => [text];
  const { type, ...settings } = config as { type?: unknown } & Record<string, unknown>;
  switch (type) {
    case "Sequence":
      return sequence(settings.pretokenizers);
    case "Split":
      return split(compilePattern(settings.pattern), String(settings.behavior), settings.invert === true);
    case "Digits":
      return split(settings.individual_digits === true ? /\p{N}/gu : /\p{N}+/gu, "Isolated", false);
    case "ByteLevel":
      return byteLevel(settings.add_prefix_space !== false, settings.use_regex !== false);
    case "Metaspace":
      return metaspace(settings);
  }
  throw new AttuneError(
    `tokenizer.json: the pre-tokenizer ${JSON.stringify(type)} isn't supported; known are Sequence, Split, Digits, ByteLevel, Metaspace`,
  );
}

function sequence(configs: unknown): PreTokenizer {
  const steps = (Array.isArray(configs) ? configs : []).map(createPreTokenizer);
  return (text) => steps.reduce((pieces, step) => pieces.flatMap(step), [text]);
}

/** A part of the text, and whether the pattern (inverted: everything but the pattern) matched it. */
interface Part {
  from: number;
  to: number;
  matched: boolean;
}

function split(pattern: RegExp, behavior: string, invert: boolean): PreTokenizer {
  const join = BEHAVIORS[behavior.toLowerCase().replaceAll("_", "")];
  if (!join)
    throw new AttuneError(
      `tokenizer.json: a Split's behavior is one of Isolated, Removed, MergedWithPrevious, MergedWithNext, Contiguous; got ${behavior}`,
    );
  const match = createMatcher(pattern);
  return (text) =>
    join(partition(text.text, match, invert)).map(({ from, to }) => sliceAligned(text, from, to));
}

function partition(text: string, match: Matcher, invert: boolean): Part[] {
  const parts: Part[] = [];
  const add = (from: number, to: number, matched: boolean) => {
    if (from < to) parts.push({ from, to, matched: matched !== invert });
  };
  let done = 0;
  match(text, (from, to) => {
    add(done, from, false);
    add(from, to, true);
    done = to;
  });
  add(done, text.length, false);
  return parts;
}

/** Tells `found` of what `text.matchAll(pattern)` finds. */
type Matcher = (text: string, found: (from: number, to: number) => void) => void;

/** Most patterns match all of a text without gaps: looking first where the last match ended needs no match object. */
function createMatcher(pattern: RegExp): Matcher {
  const next = new RegExp(pattern.source, `${pattern.flags.replace("g", "")}y`);
  const later = new RegExp(pattern);
  return (text, found) => {
    let at = 0;
    for (; at < text.length; at = next.lastIndex) {
      next.lastIndex = at;
      if (!next.test(text) || next.lastIndex === at) break;
      found(at, next.lastIndex);
    }
    if (at === text.length) return;
    later.lastIndex = at;
    for (const { 0: match, index } of text.matchAll(later)) found(index, index + match.length);
  };
}

/** What becomes of the matches: tokenizers' SplitDelimiterBehavior. */
const BEHAVIORS: Record<string, ((parts: Part[]) => Part[]) | undefined> = {
  isolated: (parts) => parts,
  removed: (parts) => parts.filter((part) => !part.matched),
  contiguous: (parts) => joinParts(parts, (last, part) => last.matched === part.matched),
  mergedwithprevious: (parts) => joinParts(parts, (last, part) => !last.matched && part.matched),
  mergedwithnext: (parts) => joinParts(parts, (last, part) => last.matched && !part.matched),
};

function joinParts(parts: Part[], join: (last: Part, part: Part) => boolean): Part[] {
  const joined: Part[] = [];
  let last: Part | undefined;
  for (const part of parts) {
    if (last && join(last, part)) joined.at(-1)!.to = part.to;
    else joined.push({ ...part });
    last = part;
  }
  return joined;
}

/** GPT-2's word pattern, with Unicode's white space (JavaScript's \s differs in U+0085 and U+FEFF). */
const GPT2_WORDS =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\p{White_Space}\p{L}\p{N}]+|\p{White_Space}+(?!\P{White_Space})|\p{White_Space}+/gu;

function byteLevel(addPrefixSpace: boolean, useRegex: boolean): PreTokenizer {
  const words = useRegex ? split(GPT2_WORDS, "Isolated", false) : undefined;
  return (text) => {
    const prefixed = addPrefixSpace && !text.text.startsWith(" ") ? prefix(text, " ") : text;
    return words ? words(prefixed).map(spellBytes) : [spellBytes(prefixed)];
  };
}

const utf8 = new TextEncoder();
const ASCII = /^[\0-\x7f]*$/;

/** One character of the byte alphabet for each byte; all bytes of a character come from where it stood. */
function spellBytes(word: AlignedText): AlignedText {
  if (ASCII.test(word.text)) return { ...word, text: spellAscii(word.text) };
  const out: AlignedText = { text: "", starts: [], ends: [] };
  for (let at = 0; at < word.text.length; ) {
    const code = word.text.codePointAt(at)!;
    const bytes = code < 0x80 ? [code] : utf8.encode(String.fromCodePoint(code));
    for (const byte of bytes) {
      out.text += BYTE_TO_CHAR[byte];
      out.starts.push(word.starts[at]!);
      out.ends.push(word.ends[at]!);
    }
    at += code > 0xffff ? 2 : 1;
  }
  return out;
}

function spellAscii(text: string): string {
  let spelled = "";
  for (let i = 0; i < text.length; i++) spelled += BYTE_TO_CHAR[text.charCodeAt(i)];
  return spelled;
}

/** SentencePiece's spaces, written "▁"; by default one more goes before the text, and words are cut before each. */
function metaspace(settings: Record<string, unknown>): PreTokenizer {
  const mark = typeof settings.replacement === "string" ? settings.replacement : "▁";
  const scheme = settings.prepend_scheme ?? (settings.add_prefix_space === false ? "never" : "always");
  return (text) => {
    const marked = rewriteAligned(text, spaces(text.text, mark));
    const first = text.starts[0] === 0;
    const prepends = scheme === "always" || (scheme === "first" && first);
    const prefixed = prepends && !marked.text.startsWith(mark) ? prefix(marked, mark) : marked;
    return settings.split === false ? [prefixed] : cutBefore(prefixed, mark);
  };
}

function* spaces(text: string, mark: string): Generator<Rewrite> {
  for (const { index } of text.matchAll(/ /g)) yield { from: index, to: index + 1, content: mark };
}

function cutBefore(text: AlignedText, mark: string): AlignedText[] {
  const pieces: AlignedText[] = [];
  for (let from = 0; from < text.text.length; ) {
    const next = text.text.indexOf(mark, from + 1);
    const to = next < 0 ? text.text.length : next;
    pieces.push(sliceAligned(text, from, to));
    from = to;
  }
  return pieces;
}

function prefix(text: AlignedText, content: string): AlignedText {
  return text.text === "" ? text : rewriteAligned(text, [{ from: 0, to: 0, content }]);
}
