/** Writes a unigram tokenizer.json learned from the golden texts into the file named, for goldens/vocabulary.py. */
import { readFileSync, writeFileSync } from "node:fs";
import { trainUnigram } from "../../src/tokenizers/train_unigram.ts";

const { texts } = JSON.parse(readFileSync("src/tokenizers/goldens/train.json", "utf8"));
const json = trainUnigram(texts, { vocabSize: Number(process.argv[3]), specialTokens: ["<|im_end|>"] });
writeFileSync(process.argv[2]!, JSON.stringify(json));
