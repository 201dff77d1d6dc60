import { AttuneError } from "../text/errors.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * A tokenizer may have fewer tokens than the model has embeddings (padded vocabularies), never more.
 * @param vocabSize rows of the model's embedding: `vocab_size` in its config.json.
 */
export function checkVocabulary(
  tokenizer: Pick<Tokenizer, "vocabSize" | "tokenOf">,
  vocabSize: number,
): void {
  if (tokenizer.vocabSize <= vocabSize) return;
  const last = JSON.stringify(tokenizer.tokenOf(tokenizer.vocabSize - 1));
  throw new AttuneError({
    code: "tokenizers.other-vocabulary",
    place: "tokenizer.json",
    problem: `the ids go up to ${tokenizer.vocabSize - 1} (${last}), the model's vocabulary (vocab_size) ends at ${vocabSize - 1}`,
    wayOut: "Use the tokenizer that the model was trained with, or a model whose embedding was extended",
  });
}
