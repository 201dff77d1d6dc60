import { expect, test } from "vitest";
import type { TensorEntry } from "./safetensors.ts";
import { rootedNames } from "./tensor_names.ts";

const entries = (...names: string[]) =>
  new Map(names.map((name) => [name, { name, dtype: "F32", shape: [1], file: "x" } as TensorEntry]));

test("GPT-2's own files get the root that transformers gives them", () => {
  const rooted = rootedNames(entries("wte.weight", "h.0.ln_1.bias", "lm_head.weight"), "gpt2");
  const names = ["transformer.wte.weight", "transformer.h.0.ln_1.bias", "lm_head.weight"];
  expect([...rooted.keys()]).toEqual(names);
  expect([...rooted.values()].map(({ name }) => name)).toEqual(names);
});

test("names that have it, and other families', stay", () => {
  const written = entries("transformer.wte.weight", "lm_head.weight");
  expect(rootedNames(written, "gpt2")).toBe(written);
  const other = entries("wte.weight");
  for (const type of ["llama", "toString", undefined]) expect(rootedNames(other, type)).toBe(other);
});
