import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readModel } from "../../../models/families.ts";
import { goldenPath } from "../../../testing/goldens.ts";
import { describeForLlama } from "./architectures.ts";

const LINEAR = "linear_attention";
const FULL = "full_attention";

/** What is written of a golden model whose config.json has other keys. */
function described(name: string, changes: Record<string, unknown>) {
  const path = goldenPath(`gguf/models/${name}/config.json`);
  const config = { ...JSON.parse(readFileSync(path, "utf8")), ...changes };
  return describeForLlama(config, readModel(config), "the model");
}

describe("what llama.cpp doesn't compute is refused by name", () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ["qwen3-5", { layer_types: [LINEAR, LINEAR, LINEAR] }, /layer_types: .*qwen35 with layers of both kinds/],
    ["qwen3-5", { layer_types: [FULL, FULL, FULL] }, /layer_types: .*layers of both kinds/],
    ["qwen3-next", { layer_types: null }, /full_attention_interval: .*layers of both kinds/],
    ["qwen3-5", { linear_value_head_dim: 32 }, /linear_value_head_dim: .*expected 16, got 32/],
    ["qwen3-5", { attention_bias: true }, /attention_bias: .*expected false, got true/],
    ["qwen3-5", { hidden_act: "gelu" }, /hidden_act: .*with silu/],
    ["qwen3-5", { rope_parameters: { rope_type: "dynamic", factor: 2 } }, /rope_type: .*got "dynamic"/],
    ["qwen3-next", { norm_topk_prob: false }, /norm_topk_prob: .*expected true, got false/],
    ["qwen3-next", { decoder_sparse_step: 2 }, /decoder_sparse_step: .*expected 1, got 2/],
    ["qwen3-next", { mlp_only_layers: [1] }, /mlp_only_layers: .*expected \[\], got \[1\]/],
    ["qwen3-next", { num_experts: 0 }, /num_experts: .*a mixture in every layer; got 0/],
  ])("%s with %j", (name, changes, expected) => {
    expect(() => described(name, changes)).toThrow(expected);
  });
});

describe("which layers attend", () => {
  const layersOf = (changes: Record<string, unknown>) => {
    const { metadata } = described("qwen3-5", changes);
    return [
      metadata.get("full_attention_interval")?.value,
      metadata.get("attention.recurrent_layers")?.value,
    ];
  };

  test("by an interval where they follow one, which older versions know, too", () => {
    expect(layersOf({ layer_types: [LINEAR, FULL, LINEAR] })).toEqual([2, undefined]);
    expect(layersOf({ layer_types: null, num_hidden_layers: 8 })).toEqual([4, undefined]);
  });

  test("else one by one", () => {
    expect(layersOf({ layer_types: [LINEAR, FULL, FULL] })).toEqual([undefined, [1, 0, 0]]);
  });
});

test("all that is rotated has a direction", () => {
  const sections = (head_dim: number, partial_rotary_factor: number) =>
    described("qwen3-5", {
      head_dim,
      rope_parameters: { rope_type: "default", partial_rotary_factor },
    }).metadata.get("rope.dimension_sections")?.value;
  expect(sections(256, 0.25)).toEqual([11, 11, 10, 0]); // as published
  expect(sections(16, 0.25)).toEqual([1, 1, 0, 0]);
  expect(sections(8, 0.25)).toEqual([1, 0, 0, 0]);
});
