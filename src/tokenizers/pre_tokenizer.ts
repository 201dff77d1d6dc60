import { AttuneError } from "../text/errors.ts";
import {
  type AlignedText,
  originOf,
  prefixAligned,
  rewriteAligned,
  type Spans,
  sliceAligned,
} from "./aligned_text.ts";
import { BYTE_TO_CHAR, spellText } from "./byte_alphabet.ts";
import { compilePattern, compileRegex } from "./pattern.ts";
import type { Matcher } from "./patterns/matcher.ts";
import type { StepBudget } from "./patterns/step_budget.ts";
import { flattenSequence, type Step } from "./sequence.ts";
import { splitText } from "./split.ts";

/** Cuts a stretch of text into the pieces that the model encodes one by one, and calls `emit` with each in order. */
export type PreTokenizer = (text: AlignedText, emit: (piece: AlignedText) => void) => void;

/** The `pre_tokenizer` of tokenizer.json, keeping track of where each character came from. */
export function createPreTokenizer(config: unknown, budget: StepBudget): PreTokenizer {
  const steps = flattenSequence("pre_tokenizer", "pretokenizers", config).map((step) =>
    createStep(step, budget),
  );
  return (text, emit) => {
    const through = steps.reduceRight(
      (next: (piece: AlignedText) => void, step) => (piece) => step(piece, next),
      (piece) => {
        if (piece.text !== "") emit(piece);
      },
    );
    through(text);
  };
}

function createStep({ type, ...settings }: Step, budget: StepBudget): PreTokenizer {
  const words = (pattern: string) => split(compileRegex(pattern, budget), "Isolated", false);
  switch (type) {
    case "Split":
      return split(
        compilePattern(settings.pattern, budget),
        String(settings.behavior),
        settings.invert === true,
      );
    case "Digits":
      return words(settings.individual_digits === true ? "\\p{N}" : "\\p{N}+");
    case "ByteLevel":
      return byteLevel(
        settings.add_prefix_space !== false,
        settings.use_regex !== false ? words(GPT2_WORDS) : undefined,
      );
    case "Metaspace":
      return metaspace(settings);
  }
  throw new AttuneError({
    code: "tokenizers.unsupported-pre-tokenizer",
    place: "tokenizer.json",
    problem: `the pre-tokenizer ${JSON.stringify(type)} isn't supported`,
    expected: "Sequence, Split, Digits, ByteLevel or Metaspace",
  });
}

function split(match: Matcher, behavior: string, invert: boolean): PreTokenizer {
  const cut = splitText(match, behavior, invert);
  return (text, emit) => cut(text.text, (from, to) => emit(sliceAligned(text, from, to)));
}

/** GPT-2's word pattern, as tokenizers' ByteLevel has it. */
const GPT2_WORDS = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

function byteLevel(addPrefixSpace: boolean, words: PreTokenizer | undefined): PreTokenizer {
  return (text, emit) => {
    const prefixed = addPrefixSpace && !text.text.startsWith(" ") ? prefixAligned(text, " ") : text;
    if (words) words(prefixed, (word) => emit(spellBytes(word)));
    else emit(spellBytes(prefixed));
  };
}

const utf8 = new TextEncoder();

/** One character of the byte alphabet for each byte; all bytes of a character come from where it stood. */
function spellBytes(word: AlignedText): AlignedText {
  const { text } = word;
  const first = text.startsWith(" ") ? 1 : 0;
  if (isPrintable(text, first))
    return first ? { ...word, text: `${BYTE_TO_CHAR[0x20]}${text.slice(1)}` } : word;
  return isAscii(text) ? { ...word, text: spellText(text) } : spellWideBytes(word);
}

/** Whether the bytes from `first` on stand for themselves. */
function isPrintable(text: string, first: number): boolean {
  for (let i = first; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x21 || code > 0x7e) return false;
  }
  return true;
}

const isAscii = (text: string) => /^[\0-\x7f]*$/.test(text);

function spellWideBytes(word: AlignedText): AlignedText {
  let text = "";
  const spans: Spans = { starts: [], ends: [] };
  for (let at = 0; at < word.text.length; ) {
    const code = word.text.codePointAt(at)!;
    const to = at + (code > 0xffff ? 2 : 1);
    const [start, end] = originOf(word, at, to);
    const bytes = code < 0x80 ? [code] : utf8.encode(String.fromCodePoint(code));
    for (const byte of bytes) {
      text += BYTE_TO_CHAR[byte];
      spans.starts.push(start);
      spans.ends.push(end);
    }
    at = to;
  }
  return { ...word, text, spans };
}

/** SentencePiece's spaces, written "▁"; by default one more goes before the text, and words are cut before each. */
function metaspace(settings: Record<string, unknown>): PreTokenizer {
  const mark = typeof settings.replacement === "string" ? settings.replacement : "▁";
  const scheme = settings.prepend_scheme ?? (settings.add_prefix_space === false ? "never" : "always");
  return (text, emit) => {
    const marked = rewriteAligned(text, (replace) => {
      for (let at = text.text.indexOf(" "); at >= 0; at = text.text.indexOf(" ", at + 1))
        replace(at, at + 1, mark);
    });
    const prepends = scheme === "always" || (scheme === "first" && originOf(text, 0, 1)[0] === 0);
    const prefixed = prepends && !marked.text.startsWith(mark) ? prefixAligned(marked, mark) : marked;
    if (settings.split === false) emit(prefixed);
    else cutBefore(prefixed, mark, emit);
  };
}

function cutBefore(text: AlignedText, mark: string, emit: (piece: AlignedText) => void): void {
  for (let from = 0; from < text.text.length; ) {
    const next = text.text.indexOf(mark, from + 1);
    const to = next < 0 ? text.text.length : next;
    emit(sliceAligned(text, from, to));
    from = to;
  }
}
