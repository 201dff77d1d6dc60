import { cpSync, rmSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { goldenPath } from "../testing/goldens.ts";
import { openBase, openTemplate } from "./base.ts";

const at = temporaryDirectory();
const messages = [{ role: "user", content: "Hi" }] as const;
const options = { addGenerationPrompt: true };
const ALPACA = /^Below is an instruction.*### Instruction:\nHi\n\n### Response:$/s;

test("chat is the model's own template; alpaca is Stanford's", async () => {
  const base = await openBase(goldenPath("models/llama-gqa"));
  const own = await openTemplate(base);
  expect(own.render({ messages }, options)).toBe("<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  expect((await openTemplate(base, { name: "chat" })).render({ messages }, options)).toBe(
    own.render({ messages }, options),
  );
  expect((await openTemplate(base, { name: "alpaca" })).render({ messages }, options)).toMatch(ALPACA);
});

test("chat is Stanford's prompt where the model has no template", async () => {
  cpSync(goldenPath("models/llama-gqa"), at("model"), { recursive: true });
  rmSync(at("model/chat_template.jinja"));
  const template = await openTemplate(await openBase(at("model")));
  expect(template.render({ messages }, options)).toMatch(ALPACA);
});

test("anything else is a Jinja file, which may write the date", async () => {
  writeFileSync(at("mine.jinja"), "{{ strftime_now('%Y-%m-%d') }} {{ messages[0].content }}{{ eos_token }}");
  const base = await openBase(goldenPath("models/llama-gqa"));
  const template = await openTemplate(base, { name: at("mine.jinja"), now: new Date(2026, 0, 31) });
  expect(template.render({ messages }, options)).toBe("2026-01-31 Hi<|im_end|>");
  await expect(openTemplate(base, { name: at("other.jinja") })).rejects.toThrow(/Cannot read .*other\.jinja/);
});

test("a model's fault is told with the model's place", async () => {
  cpSync(goldenPath("models/llama-gqa"), at("model"), { recursive: true });
  writeFileSync(at("model/tokenizer.json"), "{}");
  await expect(openBase(at("model"))).rejects.toThrow(`${at("model/tokenizer.json")}: model: missing`);
  writeFileSync(at("model/tokenizer.json"), "{");
  await expect(openBase(at("model"))).rejects.toThrow(/model\/tokenizer\.json: not valid JSON/);
});
