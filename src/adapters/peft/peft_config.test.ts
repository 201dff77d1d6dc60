import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { AttuneError } from "../../text/errors.ts";
import type { LoraConfig } from "../lora/lora_config.ts";
import { formatPeftConfig, parsePeftConfig } from "./peft_config.ts";

const text = readFileSync(
  new URL("../../../goldens/training/llama-gqa-lora-qv/final/adapter_config.json", import.meta.url),
  "utf8",
);
const golden = JSON.parse(text) as Record<string, unknown>;

describe("PEFT's own file", () => {
  test("is read", () => {
    const { config, baseModel } = parsePeftConfig(golden, "x");
    expect(config).toEqual({
      type: "lora",
      r: golden.r,
      alpha: golden.lora_alpha,
      dropout: golden.lora_dropout,
      targetModules: golden.target_modules,
    });
    expect(baseModel).toBe(golden.base_model_name_or_path);
  });

  test("is written byte for byte", () => {
    const { config, baseModel } = parsePeftConfig(golden, "x");
    expect(formatPeftConfig(config, config.targetModules, baseModel)).toBe(text);
  });

  test("a file of an old PEFT, with fewer keys, is read", () => {
    const old = {
      peft_type: "LORA",
      r: 4,
      lora_alpha: 8,
      target_modules: ".*q_proj",
      enable_lora: null,
      merge_weights: false,
    };
    expect(parsePeftConfig(old, "x").config).toEqual({
      type: "lora",
      r: 4,
      alpha: 8,
      dropout: 0,
      targetModules: ".*q_proj",
    });
  });
});

describe("what changes the computation is refused by name", () => {
  test.each<[Record<string, unknown>, RegExp]>([
    [{ use_qalora: true }, /use_qalora/],
    [{ bias: "vera_only" }, /bias: expected none, all or lora_only, got "vera_only"/],
    [{ rank_pattern: { q_proj: 0 } }, /rank_pattern\.q_proj: expected a number above 0, got 0/],
    [
      { layers_to_transform: [-1], target_modules: ["a"] },
      /layers_to_transform\.0: expected a number of at least 0, got -1/,
    ],
    [{ layers_pattern: "h" }, /layersPattern has no effect without layersToTransform/],
    [{ lora_bias: true }, /lora_bias/],
    [
      { target_parameters: ["experts.down_proj"], lora_dropout: 0.1 },
      /targetParameters together with dropout/,
    ],
    [{ layer_replication: [[0, 2]] }, /layer_replication/],
    [{ megatron_config: { a: 1 } }, /megatron_config/],
    [{ alora_invocation_tokens: [1, 2] }, /alora_invocation_tokens/],
    [{ use_bdlora: { nblocks: 2 } }, /use_bdlora/],
    [{ arrow_config: { top_k: 3 } }, /arrow_config/],
    [{ kasa_config: { beta: 1 } }, /kasa_config/],
    [{ velora_config: { scale: 1 } }, /velora_config/],
    [{ monteclora_config: { num_samples: 8 } }, /monteclora_config/],
    [{ ensure_weight_tying: "yes" }, /ensure_weight_tying: expected true or false, got "yes"/],
    [{ init_lora_weights: "pissa" }, /init_lora_weights/],
    [{ init_lora_weights: "olora" }, /init_lora_weights/],
    [{ init_lora_weights: "mica" }, /init_lora_weights/],
    [
      { peft_type: "LOHA" },
      /peft_type: expected an adapter of LORA, IA3 or VERA, got "LOHA"\. Merge it into its base with PEFT/,
    ],
    [{ peft_type: "PREFIX_TUNING" }, /got "PREFIX_TUNING"\. It can't be merged into a model either/],
    [{ peft_type: "__proto__" }, /LORA, IA3 or VERA/],
    [{ peft_type: undefined }, /peft_type: .*got none/],
    [{ peft_type: undefined, lora_parameters: { rank: 8 } }, /mlx-lm wrote this file/],
    [{ task_type: "SEQ_CLS" }, /task_type/],
    [{ target_modules: [] }, /targetModules is empty, and targetParameters names nothing/],
    [{ target_modules: 3 }, /target_modules: expected a list or text, got 3/],
    [{ modules_to_save: "lm_head" }, /modules_to_save: expected a list, got "lm_head"/],
    [{ r: "8" }, /r: expected a number, got "8"/],
    [{ r: 0 }, /r: expected a number above 0, got 0/],
    [{ lora_alpha: null }, /lora_alpha/],
    [
      { use_something_new: true },
      /use_something_new: unknown to PEFT 0\.21, got true\. If it changes nothing/,
    ],
    [{ constructor: 1 }, /constructor: unknown to PEFT 0\.21, got 1/],
  ])("%o", (change, message) => {
    const parse = () => parsePeftConfig({ ...golden, ...change }, "dir/adapter_config.json");
    expect(parse).toThrow(AttuneError);
    expect(parse).toThrow(message);
    expect(parse).toThrow("dir/adapter_config.json");
  });

  test.each(Object.keys(golden))("%s says in our words what it expects", (key) => {
    for (const value of [3.5, "x", true, ["x", 3], { x: "y" }, [[]]])
      try {
        parsePeftConfig({ ...golden, [key]: value }, "x");
      } catch (error) {
        expect(error).toBeInstanceOf(AttuneError);
        expect((error as Error).message).not.toMatch(
          /Invalid|Too |expected (string|number|boolean|array|record)\b/,
        );
      }
  });

  test("all at once", () => {
    const change = { use_qalora: true, bias: 1, layer_replication: [[0, 2]] };
    expect(() => parsePeftConfig({ ...golden, ...change }, "x")).toThrow(
      /(?=[\s\S]*use_qalora)(?=[\s\S]*layer_replication)(?=[\s\S]*bias: expected)/,
    );
  });

  test.each<[Record<string, unknown>, Partial<LoraConfig>]>([
    [
      { use_dora: true, use_rslora: true },
      { useDora: true, useRslora: true },
    ],
    [
      { modules_to_save: ["lm_head"], bias: "all" },
      { modulesToSave: ["lm_head"], bias: "all" },
    ],
    [
      { rank_pattern: { q_proj: 4 }, alpha_pattern: { v: 2 } },
      { rankPattern: { q_proj: 4 }, alphaPattern: { v: 2 } },
    ],
    [
      { layers_to_transform: 0, layers_pattern: "h" },
      { layersToTransform: 0, layersPattern: "h" },
    ],
    [
      { exclude_modules: "x", trainable_token_indices: [1] },
      { excludeModules: "x", trainableTokenIndices: [1] },
    ],
    [{ init_lora_weights: "gaussian" }, { initLoraWeights: "gaussian" }],
    [{ ensure_weight_tying: true }, { ensureWeightTying: true }],
    [{ target_modules: null }, { targetModules: undefined }],
  ])("%o is read, and written again", (change, expected) => {
    const file = { ...golden, ...change };
    const { config } = parsePeftConfig(file, "x");
    expect(config).toEqual({ ...parsePeftConfig(golden, "x").config, ...expected });
    expect(JSON.parse(formatPeftConfig(config, config.targetModules))).toMatchObject(change);
  });

  test.each([
    { inference_mode: false },
    { revision: "abc" },
    { modules_to_save: [] },
    { future: null },
    { future_list: [], future_object: {}, future_flag: false, future_number: 0, future_text: "" },
    { _from_model_config: true, unsloth_version: "2025.3.1", transformers_version: "5.18.0" }, // Unsloth's
    { lora_dtype: "bfloat16", lorap_lr_ratio: 16, lorap_emb_lr: 1e-6 }, // ms-swift's, of its optimizer
    { enable_lora: null, merge_weights: true }, // of PEFT before 0.3
    { megatron_core: "megatron.core", qalora_group_size: 32, loftq_config: { bits: 4 } },
    { init_lora_weights: null },
  ])("%o changes nothing and passes", (change) => {
    expect(parsePeftConfig({ ...golden, ...change }, "x")).toEqual(parsePeftConfig(golden, "x"));
  });
});
