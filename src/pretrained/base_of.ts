import type { Model } from "../models/family.ts";
import { AttuneError } from "../text/errors.ts";
import { checkVocabulary } from "../tokenizers/check_vocabulary.ts";
import { createTokenizer, type Tokenizer } from "../tokenizers/tokenizer.ts";
import type { OpenModel } from "./fit_model.ts";
import type { ModelDirectory } from "./model_folder.ts";
import { completeTokenizerConfig, eosTokenIds } from "./tokenizer_config.ts";
import { within } from "./within.ts";

/** A model directory, read and understood: all that training, generation and export start from. */
export interface Base {
  directory: ModelDirectory;
  model: Model;
  tokenizer: Tokenizer;
  /** tokenizer_config.json with what else decides the special tokens: other files, and the tokenizer's class. */
  tokenizerConfig: Record<string, unknown>;
  /** Ids that end what the model writes, for a tokenizer that names no eos token. */
  eosIds: number[];
  /** The weights as the files have them, where those of `directory` were quantized from them. */
  unquantized?: ModelDirectory["tensors"];
}

/**
 * A model with its tokenizer, checked that they fit together.
 * @param path what messages call its directory
 * @throws AttuneError that names the file at fault.
 */
export function baseOf({ directory, model }: OpenModel, path: string): Base {
  if (directory.tokenizerJson === undefined)
    throw new AttuneError({
      code: "pretrained.no-tokenizer",
      place: path,
      problem: "there is no tokenizer.json",
      wayOut: "Copy it from the model that this one was made from",
    });
  const eosIds = eosTokenIds(directory);
  const tokenizerConfig = within(path, () => completeTokenizerConfig(directory));
  const tokenizer = within(path, () =>
    createTokenizer(directory.tokenizerJson, tokenizerConfig, eosIds, model.media),
  );
  within(path, () => checkVocabulary(tokenizer, model.dimensions.vocabSize));
  return { directory, model, tokenizer, tokenizerConfig, eosIds };
}
