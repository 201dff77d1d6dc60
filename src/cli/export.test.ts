import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../files/testing/temporary_directory.ts";
import { goldenPath } from "../testing/goldens.ts";
import { runCli } from "./testing/run_cli.ts";

const at = temporaryDirectory();
const model = goldenPath("models/llama-gqa");
const adapter = goldenPath("training/llama-gqa-lora-all/final");
const blocks = fileURLToPath(new URL("../../demo/base", import.meta.url)); // rows of whole blocks

test("writes a file, tells what it holds and what to do with it", async () => {
  const words = ["export", "-m", blocks, "-f", "gguf", "-t", "q8_0", "-o", at("mine.gguf")];
  const { code, stdout, stderr } = await runCli(...words);
  expect(stderr).toBe("");
  expect(stdout).toMatch(/^exported {2}llama in q8_0, 38 tensors, [\d.]+ MB; read back and compared\n/);
  expect(stdout).toContain(`next      llama-cli -m ${at("mine.gguf")}\n`);
  expect(code).toBe(0);
  expect(readFileSync(at("mine.gguf")).subarray(0, 4).toString()).toBe("GGUF");
});

test.each([
  ["an unknown format", ["-f", "ggml"], /Allowed choices are gguf, /],
  ["no format", [], /required option '-f, --format <name>'/],
  [
    "a type of another format",
    ["-f", "gguf-lora", "-t", "q8_0", "-a", adapter],
    /--type: gguf-lora has no type "q8_0"\. Take one of f32, f16\./,
  ],
  ["no adapter", ["-f", "gguf-lora"], /--adapter: gguf-lora is made from an adapter\. Give its directory/],
  ["a system message without room", ["-f", "gguf", "--system", "Be brief."], /--system: gguf has no room/],
])("%s is named", async (_, words, expected) => {
  const { code, stderr } = await runCli("export", "-m", model, "-o", at("out"), ...words);
  expect(stderr).toMatch(expected);
  expect(code).toBe(1);
  expect(existsSync(at("out"))).toBe(false);
  expect(readdirSync(at())).toEqual([]);
});
