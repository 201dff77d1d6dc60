import { hashWords } from "../../random/hash_words.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import { firstEqual } from "../batches/equal_sequences.ts";
import type { SequenceStore } from "../batches/sequence_store.ts";
import type { Origin } from "../example.ts";
import { countLabels, type TokenSequence } from "../tokenize/token_sequence.ts";
import { type Histogram, histogram } from "./histogram.ts";

/** How many sequences something is true of, and where the first of them are. */
export interface Finding {
  count: number;
  first: Origin[];
}

/** What tokenized examples are like. */
export interface SequenceCheck {
  sequences: number;
  tokens: number;
  supervisedTokens: number;
  /** Of sequences, in tokens. */
  lengths: Histogram;
  /** Tokens that end the labels of a sequence, most frequent first, as text; those that aren't special are one entry, "". */
  ends: { token: string; count: number }[];
  /** Sequences whose labels end with no special token: from these alone the model never learns to stop. */
  endless: Finding;
  /** Begin with two BOS tokens. */
  doubleBos: Finding;
  /** Equal to an earlier one, tokens and labels. */
  duplicates: Finding;
  /** Answers that several prompts have, most frequent first: text, and number of sequences. */
  commonAnswers: { text: string; count: number }[];
  /** Tokens that batches of `batchSize`, in this order, would lose to padding. */
  padding: number;
}

const SHOWN = 5;
const EXCERPT = 60; // tokens of an answer that are shown

/** Keeps a few numbers of each sequence. */
export function checkSequences(
  store: SequenceStore,
  tokenizer: Tokenizer,
  { batchSize }: { batchSize: number },
): SequenceCheck {
  const lengths = Uint32Array.from({ length: store.length }, (_, i) => store.tokensOf(i));
  const ends = new Map<string, number>();
  const [endless, doubleBos, duplicates] = [emptyFinding(), emptyFinding(), emptyFinding()];
  const firstOf = firstEqual(store);
  const answers = new Map<string, { example: number; count: number }>();
  const bos = tokenizer.specialTokens.bos;
  const bosId = bos === undefined ? undefined : tokenizer.idOf(bos);
  let supervisedTokens = 0;
  for (let i = 0; i < store.length; i++) {
    const sequence = store.at(i);
    const { tokens, origin } = sequence;
    supervisedTokens += countLabels(sequence);
    const answer = answerOf(sequence);
    const last = answer.at(-1);
    const end = last !== undefined && tokenizer.isSpecial(last) ? (tokenizer.tokenOf(last) ?? "") : "";
    ends.set(end, (ends.get(end) ?? 0) + 1);
    if (end === "") note(endless, origin);
    if (bosId !== undefined && tokens[0] === bosId && tokens[1] === bosId) note(doubleBos, origin);
    if (firstOf[i] !== i) note(duplicates, origin);
    const answerKey = fingerprint(answer);
    const known = answers.get(answerKey);
    if (known) known.count++;
    else answers.set(answerKey, { example: i, count: 1 });
  }
  return {
    sequences: store.length,
    tokens: lengths.reduce((sum, n) => sum + n, 0),
    supervisedTokens,
    lengths: histogram(lengths),
    ends: [...ends].map(([token, count]) => ({ token, count })).sort((a, b) => b.count - a.count),
    endless,
    doubleBos,
    duplicates,
    commonAnswers: commonAnswers(answers, store, tokenizer),
    padding: paddingOf(lengths, batchSize),
  };
}

/** Sequences of `evaluation` whose prompt (all before the first label) is trained on, too. */
export function findLeaks(train: SequenceStore, evaluation: SequenceStore): Finding {
  const leaks = emptyFinding();
  if (evaluation.length === 0) return leaks;
  const trained = new Set<string>();
  for (let i = 0; i < train.length; i++) trained.add(fingerprint(promptOf(train.at(i))));
  for (let i = 0; i < evaluation.length; i++) {
    const sequence = evaluation.at(i);
    const prompt = promptOf(sequence);
    // A text without a prompt shares its first token with many.
    if (prompt.length > 1 && trained.has(fingerprint(prompt))) note(leaks, sequence.origin);
  }
  return leaks;
}

const emptyFinding = (): Finding => ({ count: 0, first: [] });

function note(finding: Finding, origin: Origin): void {
  finding.count++;
  if (finding.first.length < SHOWN) finding.first.push(origin);
}

const answerOf = ({ tokens, labelWeights }: TokenSequence) => tokens.filter((_, i) => labelWeights[i] !== 0);

function promptOf({ tokens, labelWeights }: TokenSequence): Int32Array {
  const first = labelWeights.findIndex((weight) => weight !== 0);
  return first < 0 ? tokens : tokens.subarray(0, first);
}

function commonAnswers(
  answers: ReadonlyMap<string, { example: number; count: number }>,
  store: SequenceStore,
  tokenizer: Tokenizer,
) {
  const repeated = [...answers.values()].filter(({ count }) => count > 1).sort((a, b) => b.count - a.count);
  return repeated.slice(0, SHOWN).map(({ example, count }) => ({
    text: tokenizer.decode(answerOf(store.at(example)).subarray(0, EXCERPT), { skipSpecialTokens: true }),
    count,
  }));
}

function paddingOf(lengths: Uint32Array, batchSize: number): number {
  let padding = 0;
  for (let from = 0; from < lengths.length; from += batchSize) {
    const batch = lengths.subarray(from, from + batchSize);
    const longest = batch.reduce((a, b) => Math.max(a, b), 0);
    for (const length of batch) padding += longest - length;
  }
  return padding;
}

const fingerprint = ({ buffer, byteOffset, length }: Int32Array): string =>
  hashWords(new Uint32Array(buffer, byteOffset, length)).join(" ");
