/**
 * llama.cpp has its pre-tokenizers built in, each under a name. A tokenizer is known by how it cuts text, so that one whose
 * vocabulary was extended, or learned anew, is known as well.
 */
import { flattenSequence, type Step } from "../../tokenizers/sequence.ts";

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const REST = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const WORD = "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";
const LLAMA3 = `${CONTRACTIONS}|${WORD}|\\p{N}{1,3}|${REST}`;
const UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const cased = (ending: string) =>
  `[^\\r\\n\\p{L}\\p{N}]?${UPPER}*${LOWER}+${ending}|[^\\r\\n\\p{L}\\p{N}]?${UPPER}+${LOWER}*${ending}`;
const CASED_REST = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const CJK = "[一-龥\u3040-ゟ゠-ヿ]+";
const DEEPSEEK3 =
  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+";

interface Known {
  name: string;
  /** The patterns that cut, one after the other. */
  patterns: readonly string[];
  /** llama.cpp takes a word that is a token as it is, without merging. */
  ignoresMerges?: boolean;
}

/** llama-vocab.cpp; of several names for one way to cut the one that is most used. */
const KNOWN: readonly Known[] = [
  { name: "gpt-2", patterns: [GPT2] },
  { name: "llama-bpe", patterns: [LLAMA3], ignoresMerges: true },
  { name: "dbrx", patterns: [LLAMA3] },
  { name: "qwen2", patterns: [`${CONTRACTIONS}|${WORD}|\\p{N}|${REST}`] },
  {
    name: "qwen35",
    patterns: [
      `${CONTRACTIONS}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`,
    ],
  },
  { name: "gpt-4o", patterns: [`${cased(`${CONTRACTIONS}?`)}|\\p{N}{1,3}|${CASED_REST}`] },
  { name: "tekken", patterns: [`${cased("")}|\\p{N}|${CASED_REST}`], ignoresMerges: true },
  { name: "starcoder", patterns: ["\\p{N}", GPT2] },
  { name: "deepseek-v3", patterns: ["\\p{N}{1,3}", CJK, DEEPSEEK3] },
  {
    name: "deepseek-coder",
    patterns: ["[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", "[一-龥ࠀ-一가-\ud7ff]+", "\\p{N}"],
  },
];

export interface PreTokenizerName {
  name: string;
  ignoresMerges: boolean;
}

/**
 * llama.cpp's name of a byte-level pre-tokenizer; nothing where it has none that cuts so.
 * @param preferring of those that cut alike the one that treats merges so, where there is one
 */
export function preTokenizerName(preTokenizer: unknown, preferring: boolean): PreTokenizerName | undefined {
  const patterns = byteLevelPatterns(flattenSequence("pre_tokenizer", "pretokenizers", preTokenizer));
  const fitting = KNOWN.filter(
    (known) => patterns && known.patterns.map(spelled).join("\n") === patterns.map(spelled).join("\n"),
  );
  const found = fitting.find(({ ignoresMerges = false }) => ignoresMerges === preferring) ?? fitting[0];
  return found && { name: found.name, ignoresMerges: found.ignoresMerges ?? false };
}

/** The patterns that pieces are cut by before their bytes are spelled; nothing where other things happen. */
function byteLevelPatterns(steps: readonly Step[]): string[] | undefined {
  const last = steps.at(-1);
  if (last?.type !== "ByteLevel" || last.add_prefix_space === true) return undefined;
  const patterns = steps.slice(0, -1).map(patternOf);
  if (patterns.includes(undefined)) return undefined;
  const own = last.use_regex === false ? [] : [GPT2];
  return [...(patterns as string[]), ...own];
}

function patternOf({ type, pattern, behavior, invert, individual_digits }: Step): string | undefined {
  if (type === "Digits") return individual_digits === true ? "\\p{N}" : "\\p{N}+";
  const { Regex: regex } = (pattern ?? {}) as { Regex?: unknown };
  const cutsOut = behavior === "Isolated" && invert !== true;
  const keepsMatches = behavior === "Removed" && invert === true;
  if (type !== "Split" || typeof regex !== "string" || !(cutsOut || keepsMatches)) return undefined;
  return regex;
}

/** One spelling for what different files write differently. */
function spelled(pattern: string): string {
  return pattern
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r")
    .replace(/\(\?:\(\?i:([^()]*)\)\)/g, "(?i:$1)")
    .replace("'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])", CONTRACTIONS) // attune's own
    .replace("(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])", CONTRACTIONS)
    .replace("'(?i:[sdmt]|ll|ve|re)", CONTRACTIONS)
    .replaceAll(/([?*+}])\+/g, "$1"); // what is possessive here never gives back what would match otherwise
}
