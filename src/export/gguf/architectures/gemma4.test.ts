import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readModel } from "../../../models/families.ts";
import { goldenPath } from "../../../testing/goldens.ts";
import { describeForLlama } from "./architectures.ts";

type Changes = Record<string, unknown>;
const [SLIDES, FULL] = ["sliding_attention", "full_attention"];

function described(name: string, changes: Changes = {}) {
  const config = JSON.parse(readFileSync(goldenPath(`gguf/models/${name}/config.json`), "utf8"));
  const changed = { ...config, ...changes };
  return describeForLlama(changed, readModel(changed), "model");
}

const value = (name: string, key: string, changes: Changes = {}) =>
  described(name, changes).metadata.get(key)?.value;

describe("Gemma 4", () => {
  test("sizes by kind of layer, and wider MLPs where keys are shared", () => {
    const { metadata } = described("gemma4");
    const found = (key: string) => metadata.get(key)?.value;
    expect([found("attention.key_length"), found("attention.key_length_swa")]).toEqual([32, 16]);
    expect(found("attention.sliding_window_pattern")).toEqual([true, false, true, false]);
    expect(found("feed_forward_length")).toEqual([64, 64, 128, 128]);
    expect(found("attention.shared_kv_layers")).toBe(2);
    expect(value("gemma4-experts", "attention.head_count_kv")).toEqual([2, 1]);
  });

  test("no bound of the logits is said, else llama.cpp takes one", () => {
    expect(value("gemma4", "final_logit_softcapping")).toBe(4);
    expect(value("gemma4-experts", "final_logit_softcapping")).toBe(0);
  });

  test("pairs that don't turn have a factor that keeps them still", () => {
    const factors = described("gemma4").extras.get("rope_freqs.weight")!.values;
    expect(factors).toHaveLength(16);
    expect([...factors.subarray(0, 8)]).toEqual(Array(8).fill(1));
    expect([...factors.subarray(8)]).toEqual(Array(8).fill(Math.fround(1e30)));
    const linear = { rope_parameters: { [FULL!]: { rope_type: "linear", factor: 4, rope_theta: 1e4 } } };
    const stretched = described("gemma4", linear).extras.get("rope_freqs.weight")!.values;
    for (const factor of stretched) expect(factor).toBeCloseTo(4, 5);
  });

  test.each<[Changes, RegExp]>([
    [{ vocab_size_per_layer_input: 400 }, /vocab_size_per_layer_input: .*expected 320, got 400/],
    [{ layer_types: [FULL, SLIDES, SLIDES, FULL] }, /num_kv_shared_layers: .*got 2/],
    [
      { per_layer_config: { 0: { head_dim: 8 }, 2: {} } },
      /per_layer_config\.\d\.head_dim: .*one size of heads/,
    ],
    [{ hidden_activation: "silu" }, /hidden_activation: llama\.cpp computes gemma4 with gelu/],
    [
      { rope_parameters: { [SLIDES!]: { rope_type: "linear", factor: 2 } } },
      /rope_parameters\.sliding_attention\.rope_type: .*layers with a window.*got "linear"/,
    ],
    [
      { rope_parameters: { [FULL!]: { rope_type: "dynamic", factor: 2 } } },
      /rope_parameters\.full_attention\.rope_type: .*layers that see all.*got "dynamic"/,
    ],
  ])("%j is refused by name", (changes, expected) => {
    expect(() => described("gemma4", changes)).toThrow(expected);
  });
});
