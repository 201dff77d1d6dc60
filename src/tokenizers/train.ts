import { BYTE_TO_CHAR, spellText } from "./byte_alphabet.ts";
import { checkTraining } from "./check_training.ts";
import { type CountedWord, learnMerges } from "./learn_merges.ts";

export interface TrainTokenizerOptions {
  /** Number of tokens, the 256 bytes and the special tokens included. Fewer come out when the text has no more. */
  vocabSize: number;
  /** Get the first ids, in this order. Where the texts contain one, nothing is learned across it. */
  specialTokens: string[];
  /** Every digit a token of its own, as in Qwen 2 (default); otherwise up to three together, as in Llama 3. */
  individualDigits?: boolean;
}

/** What `tokenizer.json` holds for a byte-level BPE tokenizer. */
export interface BytePairTokenizerJson {
  version: "1.0";
  truncation: null;
  padding: null;
  added_tokens: AddedTokenJson[];
  normalizer: null;
  pre_tokenizer: object;
  post_processor: null;
  decoder: object;
  model: { type: "BPE"; vocab: Record<string, number>; merges: [string, string][] } & Record<string, unknown>;
}

interface AddedTokenJson {
  id: number;
  content: string;
  single_word: false;
  lstrip: false;
  rstrip: false;
  normalized: false;
  special: true;
}

/**
 * Learns a byte-level BPE vocabulary from texts and returns it as a `tokenizer.json` that Hugging Face tokenizers,
 * transformers and transformers.js load. The same texts in the same order give the same file. Words are split as
 * Llama 3 and Qwen 2 do; tokens never cross words.
 */
export function trainTokenizer(
  texts: Iterable<string>,
  options: TrainTokenizerOptions,
): BytePairTokenizerJson {
  const alphabet = [...BYTE_TO_CHAR].sort(); // by code unit: the order of tokenizers' BpeTrainer
  const tokens = [...options.specialTokens, ...alphabet];
  checkTraining(options.vocabSize, {
    tokens,
    count: tokens.length,
    described: `256 bytes and ${options.specialTokens.length} special tokens`,
    taken: "a single byte",
  });
  const ids = new Map(tokens.map((token, id) => [token, id]));
  const merges: [string, string][] = [];

  learnMerges(countWords(texts, options, ids), ({ left, right }) => {
    if (tokens.length >= options.vocabSize) return "stop";
    const pair: [string, string] = [tokens[left]!, tokens[right]!];
    merges.push(pair);
    const merged = pair.join("");
    const known = ids.get(merged); // "a" + "bc" and "ab" + "c" are one token
    if (known !== undefined) return known;
    ids.set(merged, tokens.length);
    return tokens.push(merged) - 1;
  });
  return tokenizerJson(tokens, merges, options);
}

function countWords(
  texts: Iterable<string>,
  { specialTokens, individualDigits }: TrainTokenizerOptions,
  ids: Map<string, number>,
): CountedWord[] {
  const pattern = new RegExp(wordPattern(individualDigits), "gu");
  const special =
    specialTokens.length > 0 ? new RegExp(specialTokens.map(escapeRegex).join("|"), "u") : undefined;
  const counts = new Map<string, number>();
  for (const text of texts)
    for (const part of special ? text.split(special) : [text])
      for (const [word] of part.matchAll(pattern)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return Array.from(counts, ([word, count]) => ({
    ids: Array.from(spellText(word), (char) => ids.get(char)!),
    count,
  }));
}

/**
 * Llama 3's and Qwen 2's word pattern (their `tokenizer.json`), written without `(?i:…)` so that JavaScript and
 * Oniguruma read it the same: contractions, words with one leading non-letter, digits, punctuation, line ends, spaces.
 */
function wordPattern(individualDigits = true): string {
  const contractions = "'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])";
  const digits = individualDigits ? "\\p{N}" : "\\p{N}{1,3}";
  return `${contractions}|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
}

function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
}

function tokenizerJson(
  tokens: string[],
  merges: [string, string][],
  { specialTokens, individualDigits }: TrainTokenizerOptions,
): BytePairTokenizerJson {
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false };
  const split = {
    type: "Split",
    pattern: { Regex: wordPattern(individualDigits) },
    behavior: "Isolated",
    invert: false,
  };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map(addedToken),
    normalizer: null,
    pre_tokenizer: { type: "Sequence", pretokenizers: [split, byteLevel] },
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}

function addedToken(content: string, id: number): AddedTokenJson {
  return { id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
}
