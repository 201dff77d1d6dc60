import { AttuneError } from "../text/errors.ts";
import type { Merge } from "./bpe.ts";
import { CHAR_TO_BYTE } from "./byte_alphabet.ts";
import { type CountedWord, learnMerges } from "./learn_merges.ts";
import { createModel, type TokenModel } from "./model.ts";
import { flattenSequence } from "./sequence.ts";
import { createPieceReader, createTokenizer } from "./tokenizer.ts";
import { readTokenizerFiles, type TokenizerFiles } from "./tokenizer_files.ts";

export interface ExtendOptions {
  /** Tokens to add. Fewer come out when the texts repeat no more. */
  size: number;
  /**
   * Texts whose encoding must stay. Where none are given no token of ASCII characters alone is added, so that plain
   * English and code stay as they are.
   */
  keep?: readonly string[];
}

export interface Extension {
  /** As the model's own, with new tokens behind its highest id. Old tokens keep their ids, old merges their ranks. */
  tokenizerJson: Record<string, unknown>;
  /** By id, from `firstId` on. */
  added: AddedPiece[];
  firstId: number;
}

export interface AddedPiece {
  token: string;
  /** Ids that the old tokenizer spells it with. */
  pieces: number[];
}

/** What is known while merges are learned. */
interface Vocabulary {
  files: TokenizerFiles;
  model: TokenModel;
  isByteLevel: boolean;
  /** One more than the highest id that is taken. */
  firstId: number;
}

const ROUNDS = 20; // of leaving out merges that change what must stay

/**
 * Adds tokens to a byte-pair tokenizer, byte-level or as SentencePiece's with characters, by learning merges on from where
 * its own end. New merges come after all old ones, so text in which none of them matches is encoded as before.
 * @param texts what the new tokens are for; read several times.
 * @throws AttuneError when the tokenizer is of another kind, or the texts give no token.
 */
export function extendTokenizer(
  tokenizerJson: unknown,
  tokenizerConfig: unknown,
  texts: readonly string[],
  { size, keep }: ExtendOptions,
): Extension {
  if (!Number.isInteger(size) || size < 1)
    throw new AttuneError({
      code: "tokenizers.extension-size",
      place: "size",
      expected: "a whole number of at least 1: tokens to add",
      got: String(size),
    });
  const vocabulary = readVocabulary(tokenizerJson, tokenizerConfig);
  const words = countWords(vocabulary, texts);
  const changedBy = keptTexts(keep ?? [], tokenizerJson, tokenizerConfig);
  const banned = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    const learned = learn(vocabulary, words, { size, banned, isAsciiKept: keep === undefined });
    if (learned.tokens.length === 0) throw nothingToAdd(keep !== undefined);
    const extension = extended(vocabulary, tokenizerJson, learned);
    const changed = changedBy(extension);
    if (changed.length === 0) return extension;
    for (const token of changed) banned.add(token);
  }
  throw new AttuneError({
    code: "tokenizers.extension-changes-old-text",
    problem: "tokens for the new text keep changing how the text to keep is encoded",
    wayOut: "Give less text to keep, or data of another kind",
  });
}

const nothingToAdd = (isKept: boolean) =>
  new AttuneError({
    code: "tokenizers.nothing-to-add",
    place: "data",
    problem: isKept
      ? "every pair of tokens that comes more than once is also in the text to keep"
      : "no pair of tokens beyond ASCII comes more than once; tokens of ASCII characters need a text whose encoding is kept",
    wayOut: isKept ? "Give more data" : "Give more data, or a text with --keep",
  });

function readVocabulary(tokenizerJson: unknown, tokenizerConfig: unknown): Vocabulary {
  const files = readTokenizerFiles(tokenizerJson, tokenizerConfig);
  if (files.model.type !== "BPE")
    throw new AttuneError({
      code: "tokenizers.not-extendable",
      place: "tokenizer.json: model.type",
      expected: "BPE: only byte-pair tokenizers are extended",
      got: JSON.stringify(files.model.type),
    });
  const model = createModel(files.model);
  const steps = flattenSequence("pre_tokenizer", "pretokenizers", files.preTokenizer);
  let highest = -1;
  for (const id of [...model.ids.values(), ...files.addedTokens.map(({ id }) => id)])
    highest = Math.max(highest, id);
  return { files, model, isByteLevel: steps.some(({ type }) => type === "ByteLevel"), firstId: highest + 1 };
}

/** Pieces of the texts, with how often each comes. Of characters they are cut where SentencePiece would cut them. */
function countWords({ files, isByteLevel }: Vocabulary, texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  const count = (word: string) => void counts.set(word, (counts.get(word) ?? 0) + 1);
  const read = createPieceReader(files);
  for (const text of texts)
    read(text, isByteLevel ? count : (piece) => piece.match(CHARACTER_WORDS)?.forEach(count));
  return counts;
}

/** A word with its space, a digit, or a run of anything else. */
const CHARACTER_WORDS = /▁?[\p{L}\p{M}]+|▁?\p{N}|▁+|[^▁\p{L}\p{M}\p{N}]+/gu;

interface Rules {
  size: number;
  /** Tokens that may not be made. */
  banned: ReadonlySet<string>;
  /** No token of ASCII characters alone is made. */
  isAsciiKept: boolean;
}

interface Learned {
  /** New tokens; the first has id `firstId`. */
  tokens: string[];
  merges: [string, string][];
}

function learn(vocabulary: Vocabulary, counts: ReadonlyMap<string, number>, rules: Rules): Learned {
  const { model, firstId, isByteLevel } = vocabulary;
  const taken = new Map(model.ids);
  const nameOf = new Map(Array.from(model.ids, ([token, id]) => [id, token]));
  const learned: Learned = { tokens: [], merges: [] };
  const isFull = () => learned.tokens.length >= rules.size;
  const add = (token: string): number => {
    const id = firstId + learned.tokens.push(token) - 1;
    taken.set(token, id);
    nameOf.set(id, token);
    return id;
  };
  const addedTokens = new Set(vocabulary.files.addedTokens.map(({ content }) => content));
  // A second way to an old token would change the text that spells it with two.
  const isAllowed = (token: string) =>
    !rules.banned.has(token) &&
    !model.ids.has(token) &&
    !addedTokens.has(token) &&
    !(rules.isAsciiKept && isAscii(token, isByteLevel));

  if (!isByteLevel)
    for (const char of newCharacters(counts, taken, Math.ceil(rules.size / 2)))
      if (isAllowed(char)) add(char);
  learnMerges(spell(counts, vocabulary, taken), ({ left, right }) => {
    if (isFull()) return "stop";
    const pair: [string, string] = [nameOf.get(left)!, nameOf.get(right)!];
    const token = pair.join("");
    if (!isAllowed(token)) return "skip";
    learned.merges.push(pair);
    return taken.get(token) ?? add(token);
  });
  return learned;
}

const isAscii = (token: string, isByteLevel: boolean): boolean =>
  isByteLevel
    ? Array.from(token).every((char) => (CHAR_TO_BYTE.get(char) ?? 0x80) < 0x80)
    : /^[▁\0-\x7f]*$/.test(token);

const COVERAGE = 0.9995; // of the characters that are no tokens: SentencePiece's default

/** The most frequent characters without a token, at most `most`, that cover nearly all there are. */
function newCharacters(
  counts: ReadonlyMap<string, number>,
  taken: ReadonlyMap<string, number>,
  most: number,
): string[] {
  const found = new Map<string, number>();
  for (const [word, count] of counts)
    for (const char of word) if (!taken.has(char)) found.set(char, (found.get(char) ?? 0) + count);
  const byCount = [...found].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const total = byCount.reduce((sum, [, count]) => sum + count, 0);
  let covered = 0;
  const needed = byCount.filter(([, count]) => {
    const isNeeded = count > 1 && covered < COVERAGE * total;
    covered += count;
    return isNeeded;
  });
  return needed.slice(0, most).map(([char]) => char);
}

/** The words as the old tokenizer spells them, cut at characters that no token has. */
function spell(
  counts: ReadonlyMap<string, number>,
  { model, isByteLevel }: Vocabulary,
  taken: ReadonlyMap<string, number>,
): CountedWord[] {
  const words: CountedWord[] = [];
  for (const [word, count] of counts) {
    const parts = isByteLevel ? [word] : splitKept(word, (char) => taken.has(char));
    for (const part of parts) words.push({ ids: encodePart(part, model, taken), count });
  }
  return words;
}

/** Runs of characters that are kept. */
function splitKept(word: string, isKept: (char: string) => boolean): string[] {
  const runs = [""];
  for (const char of word)
    if (isKept(char)) runs[runs.length - 1] += char;
    else runs.push("");
  return runs.filter((run) => run !== "");
}

/** Old tokens, and new characters between them. */
function encodePart(part: string, model: TokenModel, taken: ReadonlyMap<string, number>): number[] {
  const ids: number[] = [];
  let old = "";
  const flush = () => {
    if (old !== "") ids.push(...spelled(old, model));
    old = "";
  };
  for (const char of part) {
    const id = model.ids.has(char) ? undefined : taken.get(char);
    if (id === undefined) {
      old += char;
      continue;
    }
    flush();
    ids.push(id);
  }
  flush();
  return ids;
}

function spelled(piece: string, model: TokenModel): number[] {
  const ids: number[] = [];
  model.encode(piece, (id) => ids.push(id));
  return ids;
}

function extended(
  { files, model, firstId }: Vocabulary,
  tokenizerJson: unknown,
  learned: Learned,
): Extension {
  const json = tokenizerJson as { model: Record<string, unknown> };
  const { merges, vocab } = json.model as { merges: Merge[]; vocab: Record<string, number> };
  const isText = typeof merges[0] === "string";
  const newMerges = learned.merges.map((pair) => (isText ? pair.join(" ") : pair));
  // tokenizers numbers added tokens that the vocabulary doesn't have from its size on: there they would move.
  const fixed = files.addedTokens.map(({ content, id }) => [content, id] as const);
  const added = learned.tokens.map((token, i) => [token, firstId + i] as const);
  return {
    tokenizerJson: {
      ...json,
      model: {
        ...json.model,
        vocab: { ...vocab, ...Object.fromEntries([...fixed, ...added]) },
        merges: [...merges, ...newMerges],
      },
    },
    added: learned.tokens.map((token) => ({ token, pieces: spelled(token, model) })),
    firstId,
  };
}

/** Finds new tokens that come up in a text to keep. */
function keptTexts(
  texts: readonly string[],
  oldJson: unknown,
  config: unknown,
): (extension: Extension) => string[] {
  if (texts.length === 0) return () => [];
  const before = createTokenizer(oldJson, config);
  const kept = texts.map((text) => ({ text, old: before.encode(text).ids }));
  return ({ tokenizerJson, firstId, added }) => {
    const after = createTokenizer(tokenizerJson, config);
    const changed = new Set<string>();
    for (const { text, old } of kept) {
      const now = after.encode(text).ids;
      if (old.length === now.length && old.every((id, i) => id === now[i])) continue;
      const strange = now.filter((id) => id >= firstId).map((id) => added[id - firstId]!.token);
      if (strange.length === 0) throw new Error("an encoding changed without a new token");
      for (const token of strange) changed.add(token);
    }
    return [...changed];
  };
}
