import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { LoraAdapter } from "../../adapters/kinds/lora.ts";
import { readAdapterDirectory } from "../../adapters/peft/adapter_directory.ts";
import { temporaryDirectory } from "../../files/testing/temporary_directory.ts";
import { goldenPath } from "../../testing/goldens.ts";
import { openGguf } from "../testing/gguf_file.ts";
import { modelWithTokenizer } from "../testing/llama_cases.ts";
import { exportLora } from "./export_lora.ts";

const at = temporaryDirectory();

async function exported(model: string, adapter: string) {
  const from = modelWithTokenizer(model, at());
  await exportLora({ model: from, adapter: goldenPath(adapter), output: at("out.gguf"), type: "f32" });
  return openGguf(at("out.gguf"));
}

const alphaOf = async (name: string) =>
  (await exported(`gguf/models/${name.split("-")[0]}`, `gguf/adapters/${name}`)).metadata.get(
    "adapter.lora.alpha",
  )?.value;

describe("scales", () => {
  test("alpha is PEFT's", async () => {
    expect(await alphaOf("llama-lora")).toBe(8);
  });

  test("of rsLoRA it is alpha · √r, which llama.cpp divides by r", async () => {
    expect(await alphaOf("gpt2-rslora")).toBe(16);
  });

  test("of patterns each layer's own", async () => {
    const { metadata, values } = await exported("gguf/models/llama", "gguf/adapters/llama-patterns");
    const { modules } = (await readAdapterDirectory(
      goldenPath("gguf/adapters/llama-patterns"),
    )) as LoraAdapter;
    expect(metadata.get("adapter.lora.alpha")?.value).toBe(0);
    const v = modules.get("model.layers.0.self_attn.v_proj")!.B; // alpha 32, r 4
    expect(values("blk.0.attn_v.weight.lora_b")[5]).toBe(Math.fround(v[5]! * 8));
    const down = modules.get("model.layers.1.mlp.down_proj")!.B; // alpha 4, r 4
    expect(values("blk.1.ffn_down.weight.lora_b")[5]).toBe(down[5]);
  });
});

describe("rows", () => {
  test("B's lie as the weight's do, A as it was", async () => {
    const { tensors, values } = await exported("gguf/models/llama", "gguf/adapters/llama-lora");
    const { modules } = (await readAdapterDirectory(goldenPath("gguf/adapters/llama-lora"))) as LoraAdapter;
    const { A, B } = modules.get("model.layers.0.self_attn.q_proj")!;
    const found = values("blk.0.attn_q.weight.lora_b"); // [64, 4], heads of 16
    expect([...found.subarray(4 * 7, 4 * 8)]).toEqual([...B.subarray(4 * 11, 4 * 12)]);
    expect(values("blk.0.attn_q.weight.lora_a")).toEqual(A);
    expect(tensors.get("blk.0.attn_q.weight.lora_a")?.shape).toEqual([4, 32]);
  });

  test("a term of a matrix that is two has its A in both, and of B each its rows", async () => {
    const adapter = "gguf/adapters/qwen3-next-lora";
    const { tensors, values } = await exported("gguf/models/qwen3-next", adapter);
    const { modules } = (await readAdapterDirectory(goldenPath(adapter))) as LoraAdapter;
    const { A, B } = modules.get("model.layers.0.linear_attn.in_proj_qkvz")!; // of 2 heads 80 rows, and 48 of gates
    for (const name of ["attn_qkv", "attn_gate"]) expect(values(`blk.0.${name}.weight.lora_a`)).toEqual(A);
    expect(tensors.get("blk.0.attn_qkv.weight.lora_b")?.shape).toEqual([160, 4]);
    const gates = values("blk.0.attn_gate.weight.lora_b");
    expect([...gates.subarray(4 * 48, 4 * 96)]).toEqual([...B.subarray(4 * 208)]);
  });

  test("A's columns lie as the weight's do", async () => {
    const adapter = "gguf/adapters/qwen3-5-lora";
    const { values } = await exported("gguf/models/qwen3-5", adapter);
    const { modules } = (await readAdapterDirectory(goldenPath(adapter))) as LoraAdapter;
    const { A, B } = modules.get("model.layers.1.linear_attn.out_proj")!; // of 2 key heads with 3 values of 16 each
    const found = values("blk.1.ssm_out.weight.lora_a"); // [4, 96]
    expect([...found.subarray(96 + 16, 96 + 32)]).toEqual([...A.subarray(96 + 48, 96 + 64)]);
    expect(values("blk.1.ssm_out.weight.lora_b")).toEqual(B);
  });
});

test("a layer that is two of llama.cpp's: each has its rows of B, and A is both's", async () => {
  const adapter = "gguf/adapters/granite-hybrid-lora";
  const { tensors, values } = await exported("gguf/models/granite-hybrid", adapter);
  const { modules } = (await readAdapterDirectory(goldenPath(adapter))) as LoraAdapter;
  const { A, B } = modules.get("model.layers.1.shared_mlp.input_linear")!; // [4, 32], [128, 4]
  for (const [name, rows] of Object.entries({ ffn_gate: B.subarray(0, 256), ffn_up: B.subarray(256) })) {
    expect(values(`blk.1.${name}.weight.lora_a`)).toEqual(A);
    expect(values(`blk.1.${name}.weight.lora_b`)).toEqual(rows);
    expect(tensors.get(`blk.1.${name}.weight.lora_b`)?.shape).toEqual([64, 4]);
  }
});

describe("what only a merge can do is refused with the command that merges", () => {
  test.each([
    ["models/llama-gqa", "adapters/llama-dora/final", /it is DoRA/],
    ["models/llama-bias", "adapters/llama-ia3/final", /it is \(IA\)³/],
    ["models/llama-gqa", "adapters/llama-vera/final", /it is VeRA/],
    [
      "models/llama-gqa",
      "adapters/llama-save-ends/final",
      /it replaces weights of the base: lm_head\.weight/,
    ],
    ["models/llama-bias", "adapters/llama-bias-all/final", /it replaces weights of the base: .*bias/],
    ["models/llama-gqa", "adapters/llama-tokens/final", /it replaces rows of model\.embed_tokens/],
    ["models/qwen2-tied", "adapters/qwen2-lora-ends/final", /two ends are one weight/],
  ])("%s with %s", async (model, adapter, expected) => {
    const path = goldenPath(model);
    const message = await exportLora({
      model: path,
      adapter: goldenPath(adapter),
      output: at("out.gguf"),
      type: "f32",
    }).then(
      () => "nothing was thrown",
      (error: Error) => error.message,
    );
    expect(message).toMatch(expected);
    expect(message).toContain(`Merge it: attune export --model ${path} --adapter `);
    expect(existsSync(at("out.gguf"))).toBe(false);
  });

  test("layers that llama.cpp multiplies without terms", async () => {
    const message = await exported("gguf/models/deepseek-v3", "gguf/adapters/deepseek-v3-lora").catch(
      (error: Error) => error.message,
    );
    expect(message).toMatch(/deepseek2 has no layer for its term of model\.layers\.0\.self_attn\.\w+/);
    expect(message).toContain("Merge it: attune export --model ");
  });

  test("a layer that llama.cpp multiplies without terms", async () => {
    const model = modelWithTokenizer("families/gemma4_text", at());
    const adapter = goldenPath("families/gemma4_text/initial");
    await expect(exportLora({ model, adapter, output: at("out.gguf"), type: "f32" })).rejects.toThrow(
      /llama\.cpp's gemma4 has no layer for its term of model\.per_layer_model_projection/,
    );
  });

  test("a base that llama.cpp doesn't compute, and an output that exists", async () => {
    const model = goldenPath("families/gemma2");
    const own = goldenPath("families/gemma2/initial");
    const fail = (options: object) =>
      exportLora({ model, adapter: own, output: at("out.gguf"), type: "f32", ...options }).catch(
        (error: Error) => error.message,
      );
    const from = modelWithTokenizer("families/gemma2", at());
    expect(await fail({ model: from })).toMatch(/query_pre_attn_scalar/);
    writeFileSync(at("out.gguf"), "mine");
    expect(await fail({})).toMatch(/already exists/);
    expect(readdirSync(at()).sort()).toEqual(["gemma2", "out.gguf"]);
  });
});
