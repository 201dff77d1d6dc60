/** What settings depend on: of the data, and of what is trained. */
export interface AdviceFacts {
  stage: "pretrain" | "finetune" | "instruct";
  objective: "sft" | "dpo" | "orpo" | "simpo" | "kto";
  trains: "adapter" | "weights" | "random weights";
  /** Examples that are trained on. */
  examples: number;
  /** Tokens of the examples: what 95 of 100 don't exceed, the longest, and how many were too long to look at whole. */
  lengths?: { p95: number; longest: number; cut?: number };
  /** Examples that lost their end to maxLength. */
  truncated?: number;
}

/** A setting of a recipe, why, and who says so. */
export interface AdvisedSetting {
  /** Dotted, as in `--set`. */
  key: string;
  value: unknown;
  reason: string;
  source: string;
}
