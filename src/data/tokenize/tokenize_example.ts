import { isAnswer } from "../../templates/content_places.ts";
import type { Message } from "../../templates/message.ts";
import type { Template } from "../../templates/template.ts";
import { AttuneError, withPlace } from "../../text/errors.ts";
import { refuseMedia } from "../../tokenizers/media_tokens.ts";
import type { Tokenizer } from "../../tokenizers/tokenizer.ts";
import {
  type Conversation,
  describeOrigin,
  type Example,
  type Origin,
  type PromptCompletion,
  type Tokens,
} from "../example.ts";
import { type Answered, type Answers, answersOf, notServed } from "./answers.ts";
import { encodeText, withEos } from "./encode_text.ts";
import { type LabelledText, labelTokens } from "./label_tokens.ts";
import { countLabels, type TokenSequence } from "./token_sequence.ts";
import { type OpenDocument, openDocument } from "./tokenize_document.ts";
import { labelConversation } from "./weigh_answers.ts";

export type { TokenSequence } from "./token_sequence.ts";

export type Stage = "pretrain" | "finetune" | "instruct";

/** Which answers of a conversation are trained; "everything" trains all tokens but the first. */
export const trainOnValues = ["answers", "lastAnswer", "everything"] as const;
export type TrainOn = (typeof trainOnValues)[number];

export interface TokenizeOptions {
  tokenizer: Tokenizer;
  template: Template;
  /** Most tokens a sequence may have. */
  maxLength: number;
  stage: Stage;
  /** "liked" when left out. */
  answers?: Answers;
  /** "answers" when left out. A prompt/completion row has one answer, its completion; text has no others. */
  trainOn?: TrainOn;
}

export interface TokenizedExample {
  /** One, or the parts of a long document; none when the example can't be trained on. */
  sequences: TokenSequence[];
  /** Tokens beyond `maxLength` were cut off. */
  truncated: boolean;
  /** Why there are no sequences. */
  dropped?: string;
  /** What of its answers isn't trained though it should be. */
  lost?: string[];
}

/**
 * Tokenizes an example once, as one text, and labels it (label_tokens.ts):
 * - conversation: every assistant message (`trainOn`: the last one, or everything), from after its generation prompt to
 *   its end-of-turn token, by the weights the messages and their spans carry;
 * - completion: prompt, completion and eos; the completion and eos are labels;
 * - text: the text and eos; every token but the first is a label. Longer than `maxLength`, it is cut into parts that
 *   overlap by one token, so that nothing is lost and no token is a label twice.
 *
 * A conversation has the special tokens that its template writes, and no others; a completion, a text and Stanford's
 * prompt begin with the tokenizer's BOS, if it has one. Conversations and completions keep their first `maxLength`
 * tokens. The eos is not added to a text that ends with it.
 * @throws AttuneError naming file and row.
 */
export function tokenizeExample(example: Example, options: TokenizeOptions): TokenizedExample {
  checkOptions(options);
  try {
    checkStage(example, options.stage);
    const dropped = reasonToDrop(example, options);
    if (dropped !== undefined) return { sequences: [], truncated: false, dropped };
    const { answers = "liked" } = options;
    if (example.kind !== "text" && example.kind !== "tokens")
      return withUnused(tokenizeAnswers(answersOf(example, answers), options), example, answers);
    if (example.kind === "text") return tokenizeDocument(example.text, example.origin, options);
    if (answers !== "liked") throw notServed(example, answers);
    const sequence = asSequence(example);
    refuseMedia(sequence.tokens, options.tokenizer);
    return cut(sequence, options.maxLength);
  } catch (error) {
    if (!(error instanceof AttuneError)) throw error;
    throw withPlace(error, describeOrigin(example.origin));
  }
}

/** Of a pair that is trained as an example, the rejected answer has no effect. */
function withUnused(tokenized: TokenizedExample, { kind }: Example, answers: Answers): TokenizedExample {
  if (kind !== "preference" || answers !== "liked") return tokenized;
  return { ...tokenized, lost: [...(tokenized.lost ?? []), UNUSED] };
}

const UNUSED = "only the chosen answer is trained; objective: { type: dpo } learns from the rejected one too";

function checkOptions({ maxLength }: TokenizeOptions): void {
  if (!Number.isInteger(maxLength) || maxLength < 2)
    throw new AttuneError({
      code: "data.wrong-max-length",
      place: "maxLength",
      expected: "an integer of at least 2",
      got: `${maxLength}`,
    });
}

function checkStage({ kind }: Example, stage: Stage): void {
  if (stage === "pretrain" && kind !== "text")
    throw new AttuneError({
      code: "data.wrong-stage",
      problem: `stage pretrain learns from raw text, this row is a ${kind}`,
      wayOut: 'Use stage: finetune or instruct, or rows with "text"',
    });
}

/** What holds nothing to learn is left out, and reported. */
function reasonToDrop(example: Example, { trainOn, answers = "liked" }: TokenizeOptions): string | undefined {
  if (example.kind === "text") return undefined;
  if (example.kind === "completion")
    return example.completion.trim() === "" ? "the completion is empty" : undefined;
  if (example.kind === "tokens")
    return example.tokens.length > 1 ? undefined : "a single token, which nothing predicts";
  if (example.kind === "feedback" && !example.desirable && answers === "liked")
    return "the answer is marked as undesirable; objective: { type: kto } learns from it";
  if (trainOn === "everything" && answers === "liked") return undefined;
  const all = answersOf(example, answers).map(({ example }) => (example as Conversation).messages);
  return all.map((messages) => reasonToDropConversation(messages, trainOn)).find((reason) => reason);
}

function reasonToDropConversation(
  messages: readonly Message[],
  trainOn: TrainOn = "answers",
): string | undefined {
  const last = messages.findLastIndex(isAnswer);
  const trained = messages.flatMap((message, i) =>
    isAnswer(message) && message.weight !== 0 && (trainOn === "answers" || i === last) ? [i] : [],
  );
  if (trained.length === 0) return last < 0 ? "no message is the assistant's" : "every answer's weight is 0";
  const empty = trained.find((i) => messages[i]!.content.trim() === "" && !messages[i]!.toolCalls?.length);
  return empty === undefined ? undefined : `the answer in message ${empty + 1} is empty`;
}

function asSequence({ tokens, labelWeights, origin }: Tokens): TokenSequence {
  const weights = Float32Array.from(labelWeights ?? tokens.map(() => 1));
  weights[0] = 0;
  return { tokens: Int32Array.from(tokens), labelWeights: weights, origin };
}

/** The answers of a row, of a pair both or none. */
function tokenizeAnswers(answered: readonly Answered[], options: TokenizeOptions): TokenizedExample {
  const { answers = "liked", maxLength } = options;
  const trainOn = answers === "liked" ? options.trainOn : "lastAnswer";
  const parts = answered.map(({ example, disliked }) => {
    const { sequence, lost } = label(
      labelledText(example, { ...options, trainOn }),
      example.origin,
      maxLength,
    );
    return { ...cut(disliked ? negated(sequence) : sequence, maxLength), lost };
  });
  const lost = [...new Set(parts.flatMap((part) => part.lost))];
  const truncated = parts.some((part) => part.truncated);
  const dropped = parts.find((part) => part.dropped !== undefined)?.dropped;
  if (answers === "pair") {
    if (dropped !== undefined) return { sequences: [], truncated, dropped };
    if (areEqual(parts[0]!.sequences[0]!, parts[1]!.sequences[0]!))
      return { sequences: [], truncated, dropped: "the chosen and the rejected answer are the same" };
  }
  const sequences = parts.flatMap((part) => part.sequences);
  if (sequences.length === 0) return { sequences, truncated, dropped };
  return { sequences, truncated, ...(lost.length > 0 && { lost }) };
}

const negated = (sequence: TokenSequence): TokenSequence => ({
  ...sequence,
  labelWeights: sequence.labelWeights.map((weight) => -weight),
});

const areEqual = ({ tokens }: TokenSequence, other: TokenSequence) =>
  tokens.length === other.tokens.length && tokens.every((token, i) => token === other.tokens[i]);

function labelledText(example: Conversation | PromptCompletion, options: TokenizeOptions): LabelledText {
  const { tokenizer, trainOn } = options;
  if (example.kind === "completion") return labelledCompletion(example, options);
  const template = options.template.choose?.(example.tools) ?? options.template;
  const encode = (text: string) => encodeText(text, tokenizer, { addBos: template.addsBos });
  return labelConversation(example, { tokenizer, template, trainOn, encode });
}

function labelledCompletion(
  { prompt, completion }: PromptCompletion,
  { tokenizer, trainOn }: TokenizeOptions,
): LabelledText {
  const text = withEos(prompt + completion, tokenizer);
  const encoding = encodeText(text, tokenizer, { addBos: true });
  const whole = { end: text.length, weight: 1 };
  if (trainOn === "everything") return { text, encoding, spans: [{ start: 0, ...whole }] };
  const contentEnd = text.length - tokenizer.specialTokens.eos!.length;
  return { text, encoding, spans: [{ start: prompt.length, ...whole, answer: { contentEnd } }] };
}

function label(labelled: LabelledText, origin: Origin, maxLength: number) {
  const { labelWeights, lost } = labelTokens(labelled, maxLength);
  return { sequence: { tokens: Int32Array.from(labelled.encoding.ids), labelWeights, origin }, lost };
}

function cut(sequence: TokenSequence, maxLength: number): TokenizedExample {
  const kept = part(sequence, 0, maxLength);
  const truncated = sequence.tokens.length > maxLength;
  if (countLabels(kept) > 0) return { sequences: [kept], truncated };
  const dropped = truncated
    ? `none of its first ${maxLength} tokens (maxLength) is a label`
    : "the template leaves none of its tokens a label";
  return { sequences: [], truncated, dropped };
}

function part({ tokens, labelWeights, origin }: TokenSequence, from: number, to: number): TokenSequence {
  return { tokens: tokens.slice(from, to), labelWeights: labelWeights.slice(from, to), origin };
}

function tokenizeDocument(text: string, origin: Origin, options: TokenizeOptions): TokenizedExample {
  const document = openTextDocument(origin, options);
  const first = document.add(text);
  const { sequences, dropped } = document.end();
  return { sequences: [...first, ...sequences], truncated: false, ...(dropped !== undefined && { dropped }) };
}

/**
 * A text whose pieces are given one by one.
 * @throws AttuneError when the options, or an objective that needs answers, don't allow it.
 */
export function openTextDocument(origin: Origin, options: TokenizeOptions): OpenDocument {
  checkOptions(options);
  const { answers = "liked" } = options;
  if (answers !== "liked") throw notServed({ kind: "text" }, answers);
  return openDocument(origin, options);
}
