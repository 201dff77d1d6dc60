import { checkTraining } from "./check_training.ts";
import { learnUnigram } from "./learn_unigram.ts";
import type { TrainTokenizerOptions } from "./train.ts";

const UNKNOWN = "<unk>";
const BYTES = Array.from(
  { length: 256 },
  (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
);
const SPACE = "▁";
const COVERED = 0.9995; // of the text's characters, that are tokens of their own; the rest is spelled by bytes: SentencePiece's default
const LONGEST_WORD = 512; // characters: longer ones are cut, so that a word's lattice stays small

/** A space begins a word; digits and line ends stand alone. */
const WORD = `\\p{N}|[\\r\\n]+|${SPACE}+(?=${SPACE})|${SPACE}?[^${SPACE}\\p{N}\\r\\n]+|${SPACE}`;

/** What `tokenizer.json` holds for a unigram tokenizer. */
export interface UnigramTokenizerJson {
  version: "1.0";
  truncation: null;
  padding: null;
  added_tokens: object[];
  normalizer: object;
  pre_tokenizer: object;
  post_processor: null;
  decoder: object;
  model: { type: "Unigram"; unk_id: 0; vocab: [string, number][]; byte_fallback: true };
}

/**
 * Learns a unigram vocabulary from texts, as SentencePiece has it: `▁` for spaces, bytes for characters that are rare. Hugging Face
 * tokenizers, transformers and transformers.js load the returned `tokenizer.json`.
 */
export function trainUnigram(
  texts: Iterable<string>,
  { vocabSize, specialTokens }: Pick<TrainTokenizerOptions, "vocabSize" | "specialTokens">,
): UnigramTokenizerJson {
  const fixed = [UNKNOWN, ...specialTokens, ...BYTES];
  const words = countWords(texts, specialTokens);
  const characters = frequentCharacters(words);
  checkTraining(vocabSize, {
    tokens: fixed,
    count: fixed.length + characters.length,
    described: `${fixed.length} bytes and special tokens, ${characters.length} characters`,
    taken: `a byte or ${UNKNOWN}`,
  });
  const { pieces, scores } = learnUnigram(words, characters, vocabSize - fixed.length);
  const own = pieces.map((piece, i): [string, number] => [piece, scores[i]!]);
  return tokenizerJson(
    [...fixed.map((token): [string, number] => [token, 0]), ...own],
    [UNKNOWN, ...specialTokens],
  );
}

function countWords(texts: Iterable<string>, specialTokens: readonly string[]): Map<string, number> {
  const pattern = new RegExp(WORD, "gu");
  const special =
    specialTokens.length > 0 ? new RegExp(specialTokens.map(escaped).join("|"), "u") : undefined;
  const counts = new Map<string, number>();
  const add = (word: string) => counts.set(word, (counts.get(word) ?? 0) + 1);
  for (const text of texts)
    for (const part of special ? text.split(special) : [text])
      for (const [word] of (SPACE + part.replaceAll(" ", SPACE)).matchAll(pattern))
        for (let at = 0; at < word.length; at += LONGEST_WORD) add(word.slice(at, at + LONGEST_WORD));
  return counts;
}

const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");

/** The most frequent ones, as many as make up nearly all of the text. */
function frequentCharacters(words: ReadonlyMap<string, number>): string[] {
  const counts = new Map<string, number>();
  let total = 0;
  for (const [word, count] of words)
    for (const character of word) {
      counts.set(character, (counts.get(character) ?? 0) + count);
      total += count;
    }
  const byCount = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  let covered = 0;
  return byCount
    .filter(([, count]) => {
      const isWanted = covered < COVERED * total;
      covered += count;
      return isWanted;
    })
    .map(([character]) => character);
}

function tokenizerJson(vocab: [string, number][], special: readonly string[]): UnigramTokenizerJson {
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: special.map((content, id) => ({
      ...{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true },
    })),
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: SPACE },
        { type: "Replace", pattern: { String: " " }, content: SPACE },
      ],
    },
    pre_tokenizer: { type: "Split", pattern: { Regex: WORD }, behavior: "Isolated", invert: false },
    post_processor: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: SPACE }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: { type: "Unigram", unk_id: 0, vocab, byte_fallback: true },
  };
}
