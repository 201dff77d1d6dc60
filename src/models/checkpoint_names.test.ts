import { describe, expect, test } from "vitest";
import { familyNames } from "./checkpoint_names.ts";
import { familyOf } from "./families.ts";

const named = (type: string, ...names: string[]) => [
  ...familyNames(new Map(names.map((name) => [name, { name, file: "x.safetensors" }])), familyOf(type)),
];

describe("a parameter has the name transformers finds it under", () => {
  test.each<[string, string, string]>([
    ["llama", "model.embed_tokens.weight", "model.embed_tokens.weight"],
    ["llama", "lm_head.weight", "lm_head.weight"],
    ["llama", "embed_tokens.weight", "model.embed_tokens.weight"], // saved without the output layer
    ["qwen2", "layers.0.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.weight"],
    ["qwen2", "norm.weight", "model.norm.weight"],
    ["qwen2", "layers.0.mlp.up_proj.weight.absmax", "model.layers.0.mlp.up_proj.weight.absmax"],
    ["llama", "model.model.norm.weight", "model.norm.weight"], // saved inside of another module
    ["llama", "model.lm_head.weight", "lm_head.weight"],
    ["gpt2", "wte.weight", "transformer.wte.weight"],
    ["gpt2", "wpe.weight", "transformer.wpe.weight"],
    ["gpt2", "h.0.ln_1.bias", "transformer.h.0.ln_1.bias"],
    ["gpt2", "lm_head.weight", "lm_head.weight"],
    ["gpt2", "model.norm.weight", "model.norm.weight"], // another family's
    ["gpt_neox", "embed_in.weight", "gpt_neox.embed_in.weight"],
    ["gpt_neox", "lm_head.weight", "embed_out.weight"], // transformers 5's own name of it
    ["gpt_neox", "embed_out.weight", "embed_out.weight"],
    ["llama", "score.weight", "score.weight"],
    ["llama", "language_model.model.norm.weight", "language_model.model.norm.weight"],
    ["llama", "embed_tokens_extra.weight", "embed_tokens_extra.weight"],
  ])("%s: %s", (type, found, name) => {
    const [key, entry] = named(type, found)[0]!;
    expect([key, entry.name]).toEqual([name, name]);
  });

  test("two tensors of one name are refused", () => {
    expect(() => named("llama", "norm.weight", "model.norm.weight")).toThrow(
      "x.safetensors: its model.norm.weight is the parameter model.norm.weight, which x.safetensors holds already",
    );
  });
});
