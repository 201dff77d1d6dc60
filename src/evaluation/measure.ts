import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import type { Examinee } from "./examinee.ts";
import type { Question } from "./questions/question.ts";
import type { TokenizedQuestion } from "./questions/tokenize_question.ts";

/** What a model made of a question. */
export interface Result {
  /** Σ weight · -log probability, Σ weight, labels that are the likeliest token, labels; where there is an answer. */
  labels?: LabelTerms;
  /** Index of the likeliest choice, and of the likeliest for its length in characters. */
  choice?: { likeliest: number; likeliestByLength: number };
  /** What it answered, where it was asked. */
  answer?: string;
  /** What a function of one's own says of the answer, by the scores' names. */
  own?: Record<string, number>;
}

export type LabelTerms = [nll: number, weight: number, right: number, labels: number];

export interface MeasureOptions {
  /** Tokens an answer may have. */
  maxTokens?: number;
  signal?: AbortSignal;
  /** Called with the number of questions that are done, and of how many. */
  onProgress?: (done: number, total: number) => void;
}

const AT_ONCE = 32; // questions between two signs of life

/** Asks a model all questions: results in their order. */
export async function measure(
  questions: readonly Question[],
  tokenized: readonly TokenizedQuestion[],
  examinee: Pick<Examinee, "likelihoods" | "answers">,
  { maxTokens, signal, onProgress = () => {} }: MeasureOptions = {},
): Promise<Result[]> {
  const results: Result[] = questions.map(() => ({}));
  const asked = questions.flatMap((question, i) => (question.isGenerated ? [i] : []));
  const total = questions.length + asked.length;
  let done = 0;
  const tell = (part: readonly number[]) => {
    done += part.length;
    onProgress(done, total);
  };
  for (const part of parts([...questions.keys()])) {
    signal?.throwIfAborted();
    await scoreLabels(part, questions, tokenized, examinee, results);
    tell(part);
  }
  for (const part of parts(asked)) {
    const prompts = part.map((i) => questions[i]!.prompt!);
    const answers = await examinee.answers(prompts, { maxTokens, signal });
    for (const [k, i] of part.entries()) results[i]!.answer = answers[k]!;
    tell(part);
  }
  return results;
}

function* parts(all: readonly number[]): Generator<number[]> {
  for (let from = 0; from < all.length; from += AT_ONCE) yield all.slice(from, from + AT_ONCE);
}

/** Right answers and choices go through the model together: what they begin with is computed once. */
async function scoreLabels(
  part: readonly number[],
  questions: readonly Question[],
  tokenized: readonly TokenizedQuestion[],
  examinee: Pick<Examinee, "likelihoods">,
  results: Result[],
): Promise<void> {
  const all = part.flatMap((i) => [...tokenized[i]!.sequences, ...tokenized[i]!.choices]);
  if (all.length === 0) return;
  const { nll, right } = await examinee.likelihoods(all);
  let at = 0;
  for (const i of part) {
    const { sequences, choices } = tokenized[i]!;
    const own = sequences.map((sequence, k) => labelTerms(sequence, nll[at + k]!, right[at + k]!));
    if (own.length > 0) results[i]!.labels = own.reduce(plus);
    at += sequences.length;
    const likelihoods = choices.map((sequence, k) => -labelTerms(sequence, nll[at + k]!, right[at + k]!)[0]);
    if (choices.length > 0) results[i]!.choice = choose(likelihoods, questions[i]!.choices!.texts);
    at += choices.length;
  }
}

const plus = (a: LabelTerms, b: LabelTerms) => a.map((value, k) => value + b[k]!) as LabelTerms;

export function labelTerms(
  { labelWeights }: TokenSequence,
  nll: Float64Array,
  right: Float64Array,
): LabelTerms {
  const terms: LabelTerms = [0, 0, 0, 0];
  for (let t = 1; t < labelWeights.length; t++) {
    const weight = labelWeights[t]!;
    if (weight === 0) continue;
    terms[0] += weight * nll[t]!;
    terms[1] += weight;
    terms[2] += right[t]!;
    terms[3]++;
  }
  return terms;
}

/** `acc` and `acc_norm` of EleutherAI's lm-evaluation-harness: log likelihoods as they are, and by the choice's characters. */
function choose(likelihoods: readonly number[], texts: readonly string[]) {
  const byLength = likelihoods.map((value, i) => value / Math.max(1, Array.from(texts[i]!.trim()).length));
  return { likeliest: largest(likelihoods), likeliestByLength: largest(byLength) };
}

const largest = (values: readonly number[]): number =>
  values.reduce((best, value, i) => (value > values[best]! ? i : best), 0);
