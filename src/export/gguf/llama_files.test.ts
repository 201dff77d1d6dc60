import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import {
  CHECKED,
  exportCase,
  exportLoraCase,
  exportVocabulary,
  LLAMA_CASES,
  type LlamaCase,
  LORA_CASES,
  sha256,
  tokenGoldens,
} from "../testing/llama_cases.ts";

// npm run check-llama -- --write: llama.cpp has computed with these very files what transformers did.
const checked: Record<string, string> = JSON.parse(readFileSync(CHECKED, "utf8"));
/** What is merged is computed, and its last bits are the processor's. */
const isPlain = ({ adapter }: LlamaCase) => adapter === undefined;
const at = temporaryDirectory();

describe("files are those that llama.cpp was checked with", () => {
  test.each(LLAMA_CASES.filter(isPlain).map((one) => [one.name, one] as const))("%s", async (name, one) => {
    expect(sha256(await exportCase(one, at()))).toBe(checked[name]);
  });

  test.each(LORA_CASES.map((one) => [one.name, one] as const))("%s", async (name, one) => {
    expect(sha256(await exportLoraCase(one, at()))).toBe(checked[name]);
  });

  test.each(Object.entries(tokenGoldens().ids))("the tokenizer of %s", async (name, { directory }) => {
    expect(sha256(await exportVocabulary(directory, at("tokens.gguf")))).toBe(checked[`${name}-tokens`]);
  });
});
