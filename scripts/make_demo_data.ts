/**
 * Writes what the demo's base model is pretrained from, all of it made from a seed: the text, and a model
 * directory with config and tokenizer and no weights, which start at random.
 *   npx tsx scripts/make_demo_data.ts DIRECTORY [--seed 1] [--documents 120000]
 *   npm run attune -- train scripts/demo_pretrain.yaml
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { baseConfig, CHAT_TEMPLATE, SPECIAL_TOKENS, tokenizerConfig } from "../src/demo/base_config.ts";
import { instructionSet } from "../src/demo/instructions.ts";
import { pretrainingText } from "../src/demo/pretraining_text.ts";
import { trainTokenizer } from "../src/tokenizers/train.ts";

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: "string", default: "1" }, documents: { type: "string", default: "120000" } },
});
const [directory] = positionals;
if (!directory) throw new Error("which directory? npx tsx scripts/make_demo_data.ts DIRECTORY");
const seed = Number(values.seed);

mkdirSync(directory, { recursive: true });
const texts = [...pretrainingText({ seed, documents: Number(values.documents) })];
writeFileSync(join(directory, "pretraining.jsonl"), texts.map((text) => JSON.stringify({ text })).join("\n"));

const words = instructionSet({ seed, perTask: 100, split: "train" }).map(
  ({ instruction, input = "", output }) => `user\n${instruction}\n\n${input}\nassistant\n${output}`,
);
const tokenizer = trainTokenizer([...texts.slice(0, 10_000), ...words], {
  vocabSize: baseConfig.vocab_size,
  specialTokens: Object.values(SPECIAL_TOKENS),
});
const tokens = Object.entries(tokenizer.model.vocab)
  .sort(([, a], [, b]) => a - b)
  .map(([token]) => token);

const model = join(directory, "initial"); // no weights: pretraining starts from random ones
mkdirSync(model, { recursive: true });
const write = (name: string, value: unknown) =>
  writeFileSync(join(model, name), `${JSON.stringify(value, null, 2)}\n`);
write("config.json", baseConfig);
writeFileSync(join(model, "tokenizer.json"), JSON.stringify(tokenizer));
writeFileSync(join(model, "chat_template.jinja"), CHAT_TEMPLATE);
write("tokenizer_config.json", tokenizerConfig);
write("generation_config.json", {
  bos_token_id: null,
  eos_token_id: [tokens.indexOf(SPECIAL_TOKENS.endOfTurn), tokens.indexOf(SPECIAL_TOKENS.endOfText)],
  pad_token_id: tokens.indexOf(SPECIAL_TOKENS.endOfText),
});
