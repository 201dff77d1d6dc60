import { AttuneError } from "../text/errors.ts";

/** What a vocabulary to be learned has in any case: special tokens, bytes, characters. */
export interface FixedTokens {
  /** All of them, or those that must differ. */
  tokens: readonly string[];
  /** How many there are, and what they are, for messages. */
  count: number;
  described: string;
  /** What a special token can't be, besides empty and repeated. */
  taken: string;
}

/** @throws AttuneError when a special token is taken, or the vocabulary has no room for what it has in any case. */
export function checkTraining(vocabSize: number, { tokens, count, described, taken }: FixedTokens): void {
  const seen = new Set<string>();
  const repeated = tokens.find((token) => token === "" || seen.size === seen.add(token).size);
  if (repeated !== undefined)
    throw new AttuneError({
      code: "tokenizers.repeated-special-token",
      place: "specialTokens",
      problem: `${JSON.stringify(repeated)} can't be a special token: it is empty, repeated or ${taken}`,
      wayOut: 'Name each special token once, like "<|im_end|>"',
    });
  if (!Number.isInteger(vocabSize) || vocabSize < count)
    throw new AttuneError({
      code: "tokenizers.small-vocabulary",
      place: "vocabSize",
      expected: `an integer of at least ${count} (${described})`,
      got: `${vocabSize}`,
    });
}
