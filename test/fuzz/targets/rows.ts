import { readFileSync } from "node:fs";
import { readDataFile } from "../../../src/data/files/open_data.ts";
import { examplesOf } from "../../../src/data/formats/read_examples.ts";
import { tokenizeExample } from "../../../src/data/tokenize/tokenize_example.ts";
import { chatTemplate } from "../../../src/templates/chat_template.ts";
import { JINJA_TEMPLATES } from "../../../src/templates/named_templates.ts";
import { createTokenizer, type Tokenizer } from "../../../src/tokenizers/tokenizer.ts";
import { input, inRepository, onlyFile } from "../files.ts";
import type { Target } from "../target.ts";

/** Rows of all formats, which stay lines of JSON or nearly so. */
const ROWS: object[] = [
  { instruction: "Add", input: "1 and 2", output: "3", system: "Be short", history: [["a", "b"]] },
  {
    messages: [
      { role: "system", content: "x" },
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello", weight: 1 },
    ],
  },
  {
    messages: [
      { role: "user", content: [{ type: "text", text: "Hi" }] },
      {
        role: "assistant",
        content: null,
        tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: '{"a": 1.0}' } }],
      },
      { role: "tool", content: "2", tool_call_id: "1" },
      { role: "assistant", content: "Two" },
    ],
    tools: [{ type: "function", function: { name: "f", parameters: { type: "object" } } }],
  },
  {
    conversations: [
      { from: "human", value: "Hi" },
      { from: "gpt", value: "Hello" },
    ],
    system: "s",
    tools: "[]",
  },
  {
    conversations: [{ from: "human", value: "Hi" }],
    chosen: { from: "gpt", value: "a" },
    rejected: { from: "gpt", value: "b" },
  },
  { prompt: "Say", completion: " it" },
  { prompt: [{ role: "user", content: "Say" }], completion: [{ role: "assistant", content: "it" }] },
  { prompt: "q", chosen: "a", rejected: "b" },
  { prompt: "q", completion: "a", label: true },
  {
    input: { messages: [{ role: "user", content: "q" }] },
    preferred_output: [{ role: "assistant", content: "a" }],
    non_preferred_output: [{ role: "assistant", content: "b" }],
  },
  { text: "Just a text, long enough to be cut." },
  { input_ids: [1, 2, 3, 4], labels: [-100, -100, 3, 4], attention_mask: [1, 1, 1, 1] },
  { instances: [{ input: "i", output: "o" }], instruction: "Do", name: "n" },
];

let opened: Tokenizer | undefined;
function tokenizer(): Tokenizer {
  const path = "test/cases/models/possessive";
  const read = (name: string) => JSON.parse(readFileSync(inRepository(`${path}/${name}`), "utf8"));
  opened ??= createTokenizer(read("tokenizer.json"), read("tokenizer_config.json"));
  return opened;
}

export const rows: Target = {
  name: "rows",
  valid: async () => [
    ...ROWS.map((row) => input({ "rows.jsonl": `${JSON.stringify(row)}\n`.repeat(3) })),
    ...["weather", "messages"].map((name) =>
      input({ "rows.jsonl": readFileSync(inRepository(`examples/data/${name}.jsonl`)) }),
    ),
  ],
  async read(directory, draw) {
    const file = onlyFile(directory);
    const { source } = JINJA_TEMPLATES.chatml!;
    const template = chatTemplate(source, tokenizer().specialTokens);
    const stage = draw.pick(["instruct", "finetune", "pretrain"] as const);
    for await (const example of examplesOf(readDataFile(file), file))
      if (example.kind !== "unusable")
        refusedRow(() =>
          tokenizeExample(example, { tokenizer: tokenizer(), template, maxLength: 64, stage }),
        );
  },
};

/** One row that is refused leaves the others to be read. */
function refusedRow(run: () => unknown): void {
  try {
    run();
  } catch (error) {
    if ((error as Error).name !== "AttuneError" || (error as Error).message.length > 1000) throw error;
  }
}
