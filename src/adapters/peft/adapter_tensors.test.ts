import { describe, expect, test } from "vitest";
import { AttuneError } from "../../text/errors.ts";
import type { LoraConfig } from "../lora/lora_config.ts";
import { adapterTensorNames, sortAdapterTensors } from "./adapter_tensors.ts";

const shaped = (shapes: Record<string, number[]>) =>
  new Map(Object.entries(shapes).map(([name, shape]) => [name, { shape }]));
const A = "base_model.model.m.q_proj.lora_A.weight";
const B = "base_model.model.m.q_proj.lora_B.weight";

const config = (more: Partial<LoraConfig> = {}): LoraConfig => ({
  type: "lora",
  r: 2,
  alpha: 2,
  dropout: 0,
  targetModules: ["q_proj"],
  ...more,
});
const sort = (shapes: Record<string, number[]>, more?: Partial<LoraConfig>) =>
  sortAdapterTensors(shaped(shapes), config(more), "adapter_model.safetensors");

describe("sortAdapterTensors", () => {
  test("pairs A [r, in] with B [out, r]", () => {
    const { modules } = sort({ [B]: [5, 2], [A]: [2, 3] });
    expect([...modules]).toEqual([["m.q_proj", { parts: { A: { shape: [2, 3] }, B: { shape: [5, 2] } } }]]);
    expect(adapterTensorNames.term("m.q_proj.lora_A.weight")).toBe(A);
  });

  test("everything an adapter can hold has its place", () => {
    const at = (name: string) => `base_model.model.${name}`;
    const sorted = sort(
      {
        [A]: [3, 3],
        [B]: [5, 3],
        [at("m.q_proj.lora_magnitude_vector")]: [5],
        [at("m.q_proj.base_layer.bias")]: [5],
        [at("m.norm.bias")]: [3],
        [at("m.norm.weight")]: [3],
        [at("m.embed_tokens.lora_embedding_A")]: [2, 9],
        [at("m.embed_tokens.lora_embedding_B")]: [3, 2],
        [at("m.embed_tokens.lora_magnitude_vector")]: [3],
        [at("m.embed_tokens.base_layer.weight")]: [9, 3],
        [at("lm_head.token_adapter.trainable_tokens_delta")]: [1, 3],
      },
      {
        useDora: true,
        bias: "all",
        modulesToSave: ["norm"],
        rankPattern: { q_proj: 3 },
        trainableTokenIndices: { lm_head: [4] },
      },
    );
    expect([...sorted.modules.keys()]).toEqual(["m.q_proj", "m.embed_tokens"]);
    expect(sorted.modules.get("m.embed_tokens")).toMatchObject({
      parts: { A: { shape: [2, 9] }, B: { shape: [3, 2] } },
      embedding: true,
    });
    expect([...sorted.parameters.keys()]).toEqual(["m.q_proj.bias", "m.norm.bias", "m.norm.weight"]);
    expect([...sorted.stored.keys()]).toEqual([at("m.embed_tokens.base_layer.weight")]);
    expect([...sorted.rows.keys()]).toEqual(["lm_head"]);
  });

  test("what the settings say must be there", () => {
    const pair = { [A]: [2, 3], [B]: [5, 2] };
    expect(() => sort(pair, { useDora: true })).toThrow(/lora_magnitude_vector is missing/);
    const wrong = { ...pair, "base_model.model.m.q_proj.lora_magnitude_vector": [1, 5] };
    expect(() => sort(wrong, { useDora: true })).toThrow(/lora_magnitude_vector must be \[5\], got \[1, 5\]/);
    expect(() => sort(pair, { rankPattern: { q_proj: 4 } })).toThrow(/must be \[4, in\] \(r is 4\)/);
  });

  test.each<[string, Record<string, number[]>, RegExp]>([
    ["half a pair", { [A]: [2, 3] }, /q_proj\.lora_B\.weight is missing/],
    ["the other half", { [B]: [5, 2] }, /q_proj\.lora_A\.weight is missing/],
    [
      "another rank",
      { [A]: [4, 3], [B]: [5, 4] },
      /lora_A\.weight must be \[2, in\] \(r is 2\), got \[4, 3\]/,
    ],
    [
      "B transposed",
      { [A]: [2, 3], [B]: [2, 5] },
      /lora_B\.weight must be \[out, 2\] \(r is 2\), got \[2, 5\]/,
    ],
    ["a convolution", { [A]: [2, 3, 1, 1], [B]: [5, 2, 1, 1] }, /got \[2, 3, 1, 1\]/],
    [
      "DoRA's magnitude",
      { [A]: [2, 3], [B]: [5, 2], "base_model.model.m.q_proj.lora_magnitude_vector": [5] },
      /lora_magnitude_vector: use_dora is false, and this is DoRA's/,
    ],
    ["half an embedding's", { "base_model.model.e.lora_embedding_A": [2, 9] }, /lora_embedding_B is missing/],
    [
      "a base weight",
      { [A]: [2, 3], [B]: [5, 2], "base_model.model.lm_head.base_layer.weight": [9, 3] },
      /base_layer\.weight: no tensor of an adapter of type LORA/,
    ],
    [
      "no prefix",
      { "m.q_proj.lora_A.weight": [2, 3] },
      /lora_A\.weight: PEFT's names begin with base_model\.model\./,
    ],
    ["nothing", {}, /holds no tensors/],
  ])("%s", (_, shapes, message) => {
    const pair = () => sort(shapes);
    expect(pair).toThrow(AttuneError);
    expect(pair).toThrow(message);
    expect(pair).toThrow(/^adapter_model\.safetensors: /);
  });

  const pairs = { [A]: [2, 3], [B]: [5, 2] };
  const named = (key: string, name: string) => key.replace(".weight", `.${name}.weight`);

  test("an adapter's name in the keys is as good as none", () => {
    const { modules } = sort({ [named(A, "mine")]: [2, 3], [named(B, "mine")]: [5, 2] });
    expect(modules).toEqual(sort(pairs).modules);
  });

  test("several adapters in one file are refused, and so is one tensor twice", () => {
    const two = { [named(A, "a")]: [2, 3], [named(B, "b")]: [5, 2] };
    expect(() => sort(two)).toThrow(/it holds the adapters a, b\. Save one of them with/);
    expect(() => sort({ ...pairs, [named(A, "a")]: [2, 3] })).toThrow(/lora_A\.a\.weight is there twice/);
  });

  const E = "base_model.model.m.embed_tokens";
  test("a module that is trained whole may be there three times", () => {
    const thrice = {
      [`${E}.weight`]: [9, 3],
      [`${E}.modules_to_save.weight`]: [9, 3],
      [`${E}.original_module.weight`]: [9, 3],
    };
    const { parameters, stored } = sort({ ...pairs, ...thrice }, { modulesToSave: ["embed_tokens"] });
    expect([...parameters.keys()]).toEqual(["m.embed_tokens.weight"]);
    expect([...stored.keys()]).toEqual([`${E}.original_module.weight`]);
    const once = sort(
      { ...pairs, [`${E}.modules_to_save.default.weight`]: [9, 3] },
      { modulesToSave: ["embed_tokens"] },
    );
    expect([...once.parameters.keys()]).toEqual(["m.embed_tokens.weight"]);
  });

  test("of two values of it PEFT's own name counts, whatever their order", () => {
    const [own, copy] = [{ [`${E}.weight`]: [9, 3] }, { [`${E}.modules_to_save.weight`]: [8, 3] }];
    for (const both of [
      { ...own, ...copy },
      { ...copy, ...own },
    ])
      expect(
        sort({ ...pairs, ...both }, { modulesToSave: ["embed_tokens"] }).parameters.get(
          "m.embed_tokens.weight",
        )!.shape,
      ).toEqual([9, 3]);
  });

  test.each([
    [`${E}.original_module.weight`, {}],
    [`${E}.base_layer.weight`, {}],
    [`${E}.token_adapter.base_layer.weight`, {}],
    [`${E}.modules_to_save.weight`, {}],
    ["base_model.model.m.q_proj.weight", {}],
    ["base_model.model.m.q_proj.lora_B.bias", {}],
    ["base_model.model.m.q_proj.hada_w1_a", {}],
  ])("%s has no place where PEFT would not load it", (key, more) => {
    expect(() => sort({ ...pairs, [key]: [9, 3] }, more)).toThrow(key);
  });

  test("all faults are named, the first ten in full", () => {
    const many = Object.fromEntries(Array.from({ length: 13 }, (_, i) => [`foreign ${i}`, [1]]));
    expect(() => sort(many)).toThrow(/foreign 0: [\s\S]*foreign 9: [\s\S]*and 3 more/);
  });
});
