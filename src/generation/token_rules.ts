/** transformers' logits processors, which the settings of a model's own files ask for. */

/** Settings of generation_config.json that change the scores of the next token, by transformers' names. */
export interface RuleSettings {
  sequenceBias?: readonly { ids: readonly number[]; bias: number }[];
  encoderRepetitionPenalty?: number;
  repetitionPenalty?: number;
  noRepeatNgramSize?: number;
  encoderNoRepeatNgramSize?: number;
  badWordsIds?: readonly (readonly number[])[];
  minLength?: number;
  minNewTokens?: number;
  forcedBosTokenId?: number;
  forcedEosTokenId?: readonly number[];
  removeInvalidValues?: boolean;
  exponentialDecayLengthPenalty?: readonly [start: number, factor: number];
  suppressTokens?: readonly number[];
  beginSuppressTokens?: readonly number[];
}

/** Where an answer is. */
export interface AnswerPlace {
  /** The prompt and the answer so far. */
  tokens: readonly number[];
  promptLength: number;
  /** New tokens that the answer may have at most. */
  maxNewTokens: number;
}

/** Changes the scores [V] of the next token in place. */
export type TokenRule = (scores: Float32Array, at: AnswerPlace) => void;

export interface EndTokens {
  /** Tokens that end an answer here. */
  stopIds: ReadonlySet<number>;
  /** Those that the model's files call eos: transformers knows no others. */
  eosIds: ReadonlySet<number>;
}

/**
 * The rules that `settings` ask for, in transformers' order (generation/utils.py, `_get_logits_processor`). For a model
 * that only decodes, the prompt stands where the encoder's input would.
 */
export function tokenRules(settings: RuleSettings, { stopIds, eosIds }: EndTokens): TokenRule[] {
  const s = settings;
  const rules: (TokenRule | undefined | false)[] = [
    s.sequenceBias && biasSequences(s.sequenceBias),
    isPenalty(s.encoderRepetitionPenalty) && favourPrompt(s.encoderRepetitionPenalty),
    isPenalty(s.repetitionPenalty) && penalizeRepetition(s.repetitionPenalty),
    isSet(s.noRepeatNgramSize) && forbidNgrams(s.noRepeatNgramSize, ({ tokens }) => tokens),
    isSet(s.encoderNoRepeatNgramSize) && forbidNgrams(s.encoderNoRepeatNgramSize, promptOf),
    s.badWordsIds && biasSequences(withoutEos(s.badWordsIds, eosIds)),
    (isSet(s.minLength) || isSet(s.minNewTokens)) && forbidEarlyEnd(s, stopIds),
    s.forcedBosTokenId !== undefined && forceAt(({ tokens }) => tokens.length === 1, [s.forcedBosTokenId]),
    s.forcedEosTokenId && forceAt(isLast, s.forcedEosTokenId),
    s.removeInvalidValues && removeInvalid,
    s.exponentialDecayLengthPenalty && favourEnd(s.exponentialDecayLengthPenalty, eosIds),
    s.suppressTokens && suppress(s.suppressTokens, () => true),
    s.beginSuppressTokens && suppress(s.beginSuppressTokens, isFirst(s.forcedBosTokenId !== undefined)),
  ];
  return rules.filter((rule) => rule !== undefined && rule !== false);
}

/** `logits` as they are where there are no rules, else a copy that the rules have changed. */
export function applyRules(logits: Float32Array, rules: readonly TokenRule[], at: AnswerPlace): Float32Array {
  if (rules.length === 0) return logits;
  const scores = logits.slice();
  for (const rule of rules) rule(scores, at);
  return scores;
}

const isPenalty = (value: number | undefined): value is number => value !== undefined && value !== 1;
const isSet = (value: number | undefined): value is number => value !== undefined && value > 0;
const promptOf = ({ tokens, promptLength }: AnswerPlace) => tokens.slice(0, promptLength);
const isLast = ({ tokens, promptLength, maxNewTokens }: AnswerPlace) =>
  tokens.length === promptLength + maxNewTokens - 1;
/** A prompt of one token is followed by the forced BOS, if there is one: then the answer begins after it. */
const isFirst =
  (isForced: boolean) =>
  ({ tokens, promptLength }: AnswerPlace) =>
    tokens.length === promptLength + (isForced && promptLength <= 1 ? 1 : 0);

/** Adds a bias to a token that would complete one of the sequences. */
function biasSequences(sequences: NonNullable<RuleSettings["sequenceBias"]>): TokenRule {
  return (scores, { tokens }) => {
    for (const { ids, bias } of sequences)
      if (endsIn(tokens, ids, ids.length - 1)) scores[ids.at(-1)!]! += bias;
  };
}

/** Whether `tokens` end in the first `count` of `ids`. */
function endsIn(tokens: readonly number[], ids: readonly number[], count: number): boolean {
  const start = tokens.length - count;
  if (start < 0) return false;
  for (let i = 0; i < count; i++) if (tokens[start + i] !== ids[i]) return false;
  return true;
}

const withoutEos = (sequences: readonly (readonly number[])[], eosIds: ReadonlySet<number>) =>
  sequences
    .filter((ids) => !(ids.length === 1 && eosIds.has(ids[0]!)))
    .map((ids) => ({ ids, bias: -Infinity }));

/** Keskar et al. 2019, https://arxiv.org/abs/1909.05858, with the sign looked at as in transformers. */
function penalize(scores: Float32Array, tokens: readonly number[], penalty: number): void {
  for (const id of new Set(tokens)) {
    const score = scores[id]!;
    scores[id] = score < 0 ? score * penalty : score / penalty;
  }
}

const penalizeRepetition =
  (penalty: number): TokenRule =>
  (scores, { tokens }) =>
    penalize(scores, tokens, penalty);

/** Above 1, what the prompt doesn't say becomes less likely. */
const favourPrompt =
  (penalty: number): TokenRule =>
  (scores, at) =>
    penalize(scores, promptOf(at), 1 / penalty);

/** No token that would complete `size` tokens which the text holds already. */
function forbidNgrams(size: number, textOf: (at: AnswerPlace) => readonly number[]): TokenRule {
  return (scores, at) => {
    const text = textOf(at);
    for (let end = size - 1; end < text.length; end++)
      if (endsIn(at.tokens, text.slice(end - size + 1, end), size - 1)) scores[text[end]!] = -Infinity;
  };
}

/** No end before the answer is as long as it has to be. `min_new_tokens` wins over `min_length`, which counts the prompt. */
function forbidEarlyEnd({ minLength = 0, minNewTokens }: RuleSettings, ends: ReadonlySet<number>): TokenRule {
  return (scores, { tokens, promptLength }) => {
    const least = minNewTokens === undefined ? minLength : promptLength + minNewTokens;
    if (tokens.length < least) for (const id of ends) scores[id] = -Infinity;
  };
}

function forceAt(isThere: (at: AnswerPlace) => boolean, ids: readonly number[]): TokenRule {
  return (scores, at) => {
    if (!isThere(at)) return;
    scores.fill(-Infinity);
    for (const id of ids) scores[id] = 0;
  };
}

const LARGEST = 3.4028234663852886e38; // of float32

const removeInvalid: TokenRule = (scores) => {
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!;
    scores[i] = Number.isNaN(score) ? 0 : Math.max(-LARGEST, Math.min(LARGEST, score));
  }
};

/** From `start` new tokens on, the end becomes more likely with each token. */
function favourEnd([start, factor]: readonly [number, number], ends: ReadonlySet<number>): TokenRule {
  return (scores, { tokens, promptLength }) => {
    const beyond = tokens.length - promptLength - start;
    if (beyond <= 0) return;
    const isFree = (id: number) => scores[id]! > -Infinity; // where min_new_tokens rules it out, it stays so
    for (const id of ends) if (isFree(id)) scores[id]! += Math.abs(scores[id]!) * (factor ** beyond - 1);
  };
}

function suppress(ids: readonly number[], isThere: (at: AnswerPlace) => boolean): TokenRule {
  return (scores, at) => {
    if (isThere(at)) for (const id of ids) scores[id] = -Infinity;
  };
}
