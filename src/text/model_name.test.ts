import { expect, test } from "vitest";
import { isSameModel } from "./model_name.ts";

test.each([
  ["harbour/Bay-0.5B-Instruct", "unsloth/Bay-0.5B-Instruct"],
  ["harbour/Bay-0.5B-Instruct", "unsloth/Bay-0.5B-Instruct-bnb-4bit"],
  ["Qwen/Qwen2.5-7B-Instruct", "unsloth/qwen2.5-7b-instruct-unsloth-bnb-4bit"],
  ["Qwen/Qwen2.5-7B-Instruct", "Qwen/Qwen2.5-7B-Instruct-GPTQ-Int4"],
  ["Qwen/Qwen2.5-7B-Instruct-AWQ", "Qwen/Qwen2.5-7B-Instruct"],
  ["Qwen/Qwen3-8B", "Qwen/Qwen3-8B-FP8"],
  ["meta-llama/Llama-3.1-8B-Instruct", "unsloth/Meta-Llama-3.1-8B-Instruct-bnb-4bit"],
  ["meta-llama/Llama-2-7b-hf", "unsloth/llama-2-7b-bnb-4bit"],
  ["mistralai/Mistral-7B-v0.3", "mlx-community/Mistral-7B-v0.3-4bit"],
])("%s and %s are one model", (a, b) => {
  expect(isSameModel(a, b)).toBe(true);
});

test.each([
  ["harbour/Bay-0.5B-Instruct", "unsloth/Bay-1.5B-Instruct-bnb-4bit"],
  ["harbour/Bay-0.5B-Instruct", "harbour/Bay-0.5B"],
  ["Qwen/Qwen2.5-7B", "Qwen/Qwen2-7B"],
  ["mistralai/Mistral-7B-v0.3", "mistralai/Mistral-7B-v0.1"],
  ["google/gemma-2-9b-it", "google/gemma-2-9b"],
  ["google/gemma-2-9b-it", "google/gemma-9b-it"],
])("%s and %s are two", (a, b) => {
  expect(isSameModel(a, b)).toBe(false);
});
