/** attune's own scores that are fractions. */
export const FRACTIONS: ReadonlySet<string> = new Set(
  `tokenAccuracy acc accNorm exactMatch contains f1 rougeL bleu chrf labelAccuracy jsonValid jsonSchema pattern
   promptLevelStrictAcc instLevelStrictAcc promptLevelLooseAcc instLevelLooseAcc`.split(/\s+/),
);

/** And those of which lower is better. */
export const LOSSES: ReadonlySet<string> = new Set(["loss", "perplexity"]);
