import type { TokenSequence } from "../data/tokenize/token_sequence.ts";
import type { TokenizeOptions } from "../data/tokenize/tokenize_example.ts";
import type { Prompt } from "./questions/question.ts";

/** A model that is evaluated, whatever computes it. */
export interface Examinee {
  /** How its rows become tokens: as they did while training. */
  tokenize: TokenizeOptions;
  /** Tokens the model was made for, where it says. */
  maxPositions?: number;
  likelihoods(sequences: readonly TokenSequence[]): Promise<Likelihoods>;
  /** The likeliest answers. */
  answers(prompts: readonly Prompt[], options: AnswersOptions): Promise<string[]>;
}

export interface Likelihoods {
  /** -log probability of each label, [sequences][T]; 0 elsewhere. */
  nll: readonly Float64Array[];
  /** 1 where a label is the likeliest token, [sequences][T]. */
  right: readonly Float64Array[];
}

export interface AnswersOptions {
  /** Tokens an answer may have; as the model's files say when left out. */
  maxTokens?: number;
  signal?: AbortSignal;
}
