/**
 * What prefix sharing saves: tokens computed and time of a training step, with it and without, interleaved, medians.
 *
 *   npx tsx bench/prefix_sharing.ts --data alpaca_en_demo.json [--batch 16] [--row 1024] [--steps 8] [--threads N]
 *
 * The rows have the Alpaca prompt, then a system prompt of 200 tokens in place of its opening sentences, of which a batch
 * of n rows with m further tokens each can save (1 - 1/n) · 200 / (200 + m) at most: so the short rows are shown too. The tokenizer is
 * learned from the file, so that a word is about as many tokens as in a large model's; the model is a random one.
 */
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Conversation } from "../src/data/example.ts";
import { makePacks } from "../src/data/packing/pack.ts";
import { prepareList } from "../src/data/tokenize/testing/prepare_list.ts";
import type { TokenSequence } from "../src/data/tokenize/token_sequence.ts";
import { readModel } from "../src/models/families.ts";
import { initializeWeights } from "../src/models/initialize.ts";
import { permutation } from "../src/random/random.ts";
import { openSession } from "../src/runtime/node.ts";
import { alpacaTemplate } from "../src/templates/alpaca_template.ts";
import type { Message } from "../src/templates/message.ts";
import { createTokenizer } from "../src/tokenizers/tokenizer.ts";
import { trainTokenizer } from "../src/tokenizers/train.ts";
import { openEngine } from "../src/training/engine.ts";
import { fullMethod } from "../src/training/method.ts";

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    batch: { type: "string", default: "16" },
    row: { type: "string", default: "1024" },
    steps: { type: "string", default: "8" },
    threads: { type: "string" },
  },
});
if (!values.data) throw new Error("give --data FILE, of Alpaca rows as JSON");
const [batchSize, rowLength, steps] = [+values.batch, +values.row, +values.steps];
const threads = values.threads === undefined ? undefined : +values.threads;

const EOS = "<|endoftext|>";
const MAX_LENGTH = 512;
const SYSTEM_TOKENS = 200;
/** Tokens of a short row with its system prompt: short questions and answers. */
const SHORT = 320;
const SYSTEM =
  "You are a careful assistant of a small company that answers questions about everyday life, language, history and science. Follow these rules. ";

type Row = Record<"instruction" | "input" | "output", string>;
const rows: Row[] = JSON.parse(readFileSync(values.data, "utf8"));
const tokenizer = createTokenizer(
  trainTokenizer(
    rows.flatMap((row) => [row.instruction, row.input, row.output, alpaca(row)]),
    { vocabSize: 16_000, specialTokens: [EOS] },
  ),
  { eos_token: EOS },
);

function alpaca({ instruction, input }: Row): string {
  const content = input ? `${instruction}\n\n${input}` : instruction;
  const messages: Message[] = [{ role: "user", content, ...(input && { input }) }];
  return alpacaTemplate(EOS).render({ messages }, { addGenerationPrompt: true });
}

/** Different rules, until the text has its number of tokens. */
function systemPrompt(): string {
  const words = rows.flatMap(({ output }) => output.split(/\s+/));
  let text = SYSTEM;
  for (const word of words) {
    if (tokenizer.encode(`${text}${word} `).ids.length > SYSTEM_TOKENS) break;
    text += `${word} `;
  }
  return text.trimEnd();
}

function sequencesOf(system?: string): TokenSequence[] {
  const examples = rows.map(({ instruction, input, output }, i): Conversation => {
    const content = input ? `${instruction}\n\n${input}` : instruction;
    const messages: Message[] = [
      { role: "user", content, ...(input && { input }) },
      { role: "assistant", content: output },
    ];
    if (system) messages.unshift({ role: "system", content: system });
    return { kind: "conversation", messages, origin: { file: values.data!, row: i + 1 } };
  });
  const maxLength = MAX_LENGTH + (system ? SYSTEM_TOKENS : 0);
  const template = alpacaTemplate(EOS);
  return prepareList(examples, { tokenizer, template, maxLength, stage: "instruct" }).sequences;
}

const model = readModel({
  model_type: "llama",
  vocab_size: 16_000,
  hidden_size: 256,
  intermediate_size: 704,
  num_hidden_layers: 4,
  num_attention_heads: 4,
});
const method = fullMethod(initializeWeights(model, 1));
const session = { device: "cpu", threads } as const;
const engines = {
  with: await openEngine(model, method, openSession, { rowLength, session }),
  without: await openEngine(model, method, openSession, { rowLength, sharePrefixes: false, session }),
};

console.log(`batches of ${batchSize}, rows of ${rowLength} tokens`);
console.log("| | tokens an example | tokens | computed | saved | rows | step, s | with sharing | saved |");
console.log("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
const plain = sequencesOf();
const withSystem = sequencesOf(systemPrompt());
const cases = {
  "Alpaca prompt": plain,
  "system prompt of 200 tokens": withSystem,
  "system prompt of 200 tokens, short rows": withSystem.filter(({ tokens }) => tokens.length <= SHORT),
};
for (const [name, sequences] of Object.entries(cases)) console.log(await measure(name, sequences));
await engines.with.release();
await engines.without.release();

/** A line of the table: tokens over the whole epoch, times over its first steps. */
async function measure(name: string, sequences: readonly TokenSequence[]): Promise<string> {
  const order = [...permutation(sequences.length, 42, "shuffle", 0)];
  const batches = Array.from({ length: Math.ceil(order.length / batchSize) }, (_, i) =>
    order.slice(i * batchSize, (i + 1) * batchSize).map((at) => sequences[at]!),
  );
  const [shared, separate] = [true, false].map((share) =>
    batches.flatMap((b) => makePacks(b, rowLength, { share })),
  );
  const [computed, tokens] = [shared!, separate!].map((r) => r.reduce((n, row) => n + row.tokens.length, 0));
  const seconds: Record<keyof typeof engines, number[]> = { with: [], without: [] };
  for (const batch of batches.slice(0, steps))
    for (const [key, engine] of Object.entries(engines)) {
      const started = performance.now();
      await engine.gradients(batch);
      seconds[key as keyof typeof engines].push((performance.now() - started) / 1000);
    }
  const [slow, fast] = [median(seconds.without), median(seconds.with)];
  const percent = (share: number) => `${(100 * share).toFixed(1)}%`;
  const each = (tokens! / sequences.length).toFixed(0);
  const numbers = [
    each,
    tokens,
    computed,
    percent(1 - computed! / tokens!),
    `${separate!.length} → ${shared!.length}`,
  ];
  return `| ${[name, ...numbers, slow.toFixed(2), fast.toFixed(2), percent(1 - fast / slow)].join(" | ")} |`;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}
