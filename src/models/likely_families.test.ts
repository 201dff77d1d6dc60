import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { goldenPath, goldenTensorEntries } from "../testing/goldens.ts";
import { familyOf } from "./families.ts";
import { likelyFamilies } from "./likely_families.ts";

const likely = async (name: string, change: object = {}) => {
  const config = JSON.parse(readFileSync(goldenPath(`${name}/config.json`), "utf8"));
  return likelyFamilies(
    { ...config, model_type: "theirs", ...change },
    await goldenTensorEntries(goldenPath(name)),
  );
};

describe("families that a model of an unknown type fits", () => {
  test.each([
    ["models/llama-gqa", "llama"],
    ["families/qwen3", "qwen3"],
    ["families/olmo2", "olmo2"],
    ["families/gemma3", "gemma3"],
    ["families/falcon", "falcon"],
    ["families/gpt2", "gpt2"],
    ["families/phi", "phi"],
    ["families/stablelm", "stablelm"],
  ])("%s: %s among them", async (name, family) => {
    expect(await likely(name)).toContain(family);
  });

  test("another model's tensors fit none", async () => {
    expect(await likely("families/qwen3")).not.toContain("llama");
    expect(await likely("families/stablelm", { use_qkv_bias: false })).toEqual([]);
    expect(likelyFamilies({ model_type: "theirs" }, new Map())).toEqual([]);
  });

  test("the message names them", () => {
    expect(() => familyOf("theirs", () => ["llama", "mistral"])).toThrow(
      'got "theirs". Its config.json and tensors are those of a llama or mistral model: if it computes as one, write "model_type": "llama"',
    );
  });
});
