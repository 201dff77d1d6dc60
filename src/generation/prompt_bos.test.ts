import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import type { Message } from "../templates/message.ts";
import { goldenPath } from "../testing/goldens.ts";
import { loadModel } from "./load_model.ts";

const at = temporaryDirectory();
const question: Message[] = [{ role: "user", content: "Say hi." }];

/** A model whose tokenizer writes <|endoftext|> before a text and <|im_end|> after it. */
function modelWithBos(): string {
  cpSync(goldenPath("models/llama-gqa"), at("m"), { recursive: true });
  const tokenizer = JSON.parse(readFileSync(at("m/tokenizer.json"), "utf8"));
  const token = (id: string) => ({ SpecialToken: { id, type_id: 0 } });
  const ids = (id: string, number: number) => ({ [id]: { id, ids: [number], tokens: [id] } });
  tokenizer.post_processor.single = [
    token("<|endoftext|>"),
    { Sequence: { id: "A", type_id: 0 } },
    token("<|im_end|>"),
  ];
  tokenizer.post_processor.special_tokens = { ...ids("<|endoftext|>", 317), ...ids("<|im_end|>", 319) };
  writeFileSync(at("m/tokenizer.json"), JSON.stringify(tokenizer));
  return at("m");
}

test("a prompt begins as the trained text did: with one BOS, unless a template writes it, and no end", async () => {
  const path = modelWithBos();
  const plain = await loadModel(path, { threads: 1 });
  const lengthOf = (text: string) => plain.tokenizer.encode(text).ids.length;
  const count = async (text: string) => (await plain.complete(text, { maxTokens: 1 })).promptTokens;
  expect(await count("Say hi.")).toBe(1 + lengthOf("Say hi."));
  expect(await count("<|endoftext|>Say hi.")).toBe(1 + lengthOf("Say hi."));
  const ownTemplate = "<|im_start|>user\nSay hi.<|im_end|>\n<|im_start|>assistant\n";
  expect((await plain.chat(question, { maxTokens: 1 })).promptTokens).toBe(lengthOf(ownTemplate));
  await plain.release();

  const alpaca = await loadModel(path, { template: "alpaca", threads: 1 });
  const prompt =
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n### Instruction:\nSay hi.\n\n### Response:";
  expect((await alpaca.chat(question, { maxTokens: 1 })).promptTokens).toBe(1 + lengthOf(prompt));
  const [answer] = await alpaca.chatBatch([question], { maxTokens: 1 });
  expect(answer?.promptTokens).toBe(1 + lengthOf(prompt));
  await alpaca.release();
});
