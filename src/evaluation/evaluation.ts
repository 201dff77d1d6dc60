import type { Comparison, Sample } from "./scorecard.ts";

/** What `evaluation.json` holds, and `eval --json` prints. */
export interface Evaluation extends Comparison {
  /** Of each kind of task. */
  tasks: Record<string, Comparison>;
  /** Of kinds of task that were never trained together, and of those that were; where clusters are held out. */
  clusters?: { heldOut: Comparison; trained?: Comparison };
  /** The same rows in other words, where a task has held-out phrasings. */
  phrasings?: Phrasings;
  /** Loss on other texts, by their names. */
  forgetting?: Record<string, Comparison>;
  samples: Sample[];
  /** What was compared, and how. */
  about: About;
  /** What is odd. */
  notes: string[];
}

export interface About {
  base: string;
  tuned: string | null;
  /** sacrebleu's tokenizer of `bleu`. */
  bleuTokenizer: "13a" | "zh";
  /** Of the intervals' draws. */
  seed: number;
}

export interface Phrasings {
  /** By the phrasing's own text. */
  each: Record<string, Comparison & { trained: boolean }>;
  /** How far the scores of phrasings that were trained, and of those never trained, lie apart. */
  spread: { trained?: Spread; heldOut?: Spread };
}

/** Over phrasings, by the score's name. */
export type Spread = Record<string, { base?: Range; tuned?: Range }>;

export interface Range {
  mean: number;
  min: number;
  max: number;
}
