/** Tokens in whose places a model sees images or hears sound are refused by name: as text they mean nothing. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { tokenizeExample } from "../data/tokenize/tokenize_example.ts";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { goldenPath } from "../testing/goldens.ts";
import { openBase, openTemplate } from "./base.ts";

const at = temporaryDirectory();
const TOKENIZER = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"];

/** A golden with the tokenizer of another, and other keys in its config.json. */
async function open(name: string, keys: Record<string, unknown>) {
  cpSync(goldenPath(`families/${name}`), at(name), { recursive: true });
  for (const file of TOKENIZER) cpSync(goldenPath(`models/llama-gqa/${file}`), at(`${name}/${file}`));
  const config = JSON.parse(readFileSync(at(`${name}/config.json`), "utf8"));
  writeFileSync(at(`${name}/config.json`), JSON.stringify({ ...config, ...keys }));
  return openBase(at(name));
}

const [PAD, START] = ["<|endoftext|>", "<|im_start|>"];
const CASES: [string, Record<string, unknown>][] = [
  ["gemma3", { image_token_id: 317 }],
  ["gemma3", { image_token_index: 317 }],
  ["gemma3n", { vision_config: { hidden_size: 8, vocab_size: 2, vocab_offset: 317 } }],
  ["gemma3n", { audio_config: { hidden_size: 8, vocab_size: 1, vocab_offset: 317 } }],
  ["gemma4", { image_token_id: 317 }],
  ["gemma4", { audio_token_id: 317 }],
  ["gemma4_unified", { video_token_id: 317 }],
  ["mistral3", { image_token_index: 317 }],
  ["qwen3_5", { image_token_id: 317 }],
  ["qwen3_5", { video_token_id: 317 }],
];

describe.each(CASES)("%s, %j", (name, keys) => {
  test("a text with the token is refused, and so are its ids", async () => {
    const { tokenizer, ...base } = await open(name, keys);
    const message = /the text has "<\|endoftext\|>", token 317.*attune computes text alone/;
    expect(() => tokenizer.encode(`a ${PAD} b`)).toThrow(message);
    expect(tokenizer.encode("a b").ids.length).toBeGreaterThan(0);
    const template = await openTemplate({ tokenizer, ...base }, { name: "chatml" });
    const options = { tokenizer, template, maxLength: 100, stage: "finetune" } as const;
    const tokenize = (ids: number[]) =>
      tokenizeExample({ kind: "tokens", tokens: ids, origin: { file: "a", row: 1 } }, options);
    expect(() => tokenize([5, 317])).toThrow(message);
    expect(tokenize([5, 6]).sequences).toHaveLength(1);
  });
});

test("what is null stands for nothing, and ids of transformers' own are meant where config.json has none", async () => {
  const { tokenizer } = await open("gemma4", { image_token_id: null, audio_token_id: undefined });
  expect(tokenizer.encode(START + PAD).ids).toHaveLength(2);
  expect([258_880, 258_881, 258_884].map(tokenizer.isMedia)).toEqual([false, true, true]);
  const { tokenizer: other } = await open("gemma3n", {});
  expect([262_143, 262_144, 262_145, 262_272, 262_274].map(other.isMedia)).toEqual([
    false,
    true,
    true,
    true,
    false,
  ]);
});
