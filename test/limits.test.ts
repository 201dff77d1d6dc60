/** What docs/limits.md says of attune. What other rooms' tests show already is not repeated here. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import type { LoraConfig } from "../src/adapters/lora/lora_config.ts";
import { parsePeftConfig } from "../src/adapters/peft/peft_config.ts";
import { readModel } from "../src/models/families.ts";
import { modelLayout } from "../src/models/layout.ts";
import { openModelDirectory } from "../src/pretrained/model_directory.ts";
import { weightsToQuantize } from "../src/quantization/quantize_tensors.ts";
import { goldenPath } from "../src/testing/goldens.ts";
import { freshAdapter } from "../src/training/fresh_adapter.ts";

const read = (page: string) =>
  readFileSync(fileURLToPath(new URL(`../docs/${page}`, import.meta.url)), "utf8");

test("both languages are in step, and links within a page lead to its sections", () => {
  const outline = (page: string) => Array.from(read(page).matchAll(/^(#+|\||-) /gm), ([, mark]) => mark);
  expect(outline("limits.zh-CN.md")).toEqual(outline("limits.md"));
  for (const page of ["limits.md", "limits.zh-CN.md"]) {
    const anchors = Array.from(read(page).matchAll(/^## (.*)$/gm), ([, title]) =>
      title!
        .toLowerCase()
        .replace(/[^\p{L}\p{N} -]/gu, "")
        .replaceAll(" ", "-"),
    );
    for (const [, anchor] of read(page).matchAll(/\]\(#(.*?)\)/g)) expect(anchors, page).toContain(anchor);
  }
});

async function fresh(path: string, settings: Partial<LoraConfig>) {
  const { config, tensors } = await openModelDirectory(goldenPath(path));
  const lora: LoraConfig = {
    type: "lora",
    r: 4,
    alpha: 8,
    dropout: 0,
    targetModules: "all-linear",
    ...settings,
  };
  return freshAdapter(lora, { name: path, model: readModel(config), tensors }, () => 0.5);
}
const refused = (path: string, settings: Partial<LoraConfig>) =>
  fresh(path, settings).then(
    () => "nothing was thrown",
    (error) => (error as Error).message,
  );

describe("modules", () => {
  test("all-linear means neither end, no norm, no expert and no router", async () => {
    for (const path of ["models/llama-gqa", "families/mixtral", "families/qwen3_moe"]) {
      const names = [...(await fresh(path, {})).modules.keys()];
      expect(names.filter((name) => /embed|lm_head|norm|expert|\.gate$/.test(name))).toEqual([]);
      expect(names.some((name) => name.endsWith("self_attn.q_proj"))).toBe(true);
    }
  });

  test("ends can be named", async () => {
    const { modules } = await fresh("models/llama-gqa", { targetModules: ["embed_tokens", "lm_head"] });
    expect([...modules.keys()].sort()).toEqual(["lm_head", "model.embed_tokens"]);
  });

  test("experts and routers match nothing", async () => {
    expect(await refused("families/mixtral", { targetModules: ["w1"] })).toMatch(
      /no linear layer matches w1/,
    );
    expect(await refused("families/qwen3_moe", { targetModules: ["gate"] })).toMatch(
      /no linear layer matches gate/,
    );
  });

  test("parts of fused projections can't be targeted, the whole can", async () => {
    expect(await refused("families/phi3", { targetModules: ["q_proj"] })).toMatch(/matches q_proj/);
    expect((await fresh("families/phi3", { targetModules: ["qkv_proj"] })).modules.size).toBeGreaterThan(0);
  });

  test("modulesToSave: norm means input_layernorm too", async () => {
    const { parameters } = await fresh("models/llama-gqa", { modulesToSave: ["norm"] });
    expect([...parameters!.keys()]).toContain("model.layers.0.input_layernorm.weight");
    expect([...parameters!.keys()]).toContain("model.norm.weight");
  });

  test("rows outside the vocabulary, and those of a tied output layer, are refused", async () => {
    expect(await refused("models/llama-gqa", { trainableTokenIndices: [320] })).toMatch(
      /vocabulary's 320, got 320/,
    );
    expect(await refused("models/qwen2-tied", { trainableTokenIndices: { lm_head: [1] } })).toMatch(
      /shares the embedding's weight/,
    );
  });

  test("a rank above k and v is refused by name, and another can be given there", async () => {
    expect(await refused("models/llama-gqa", { r: 20 })).toMatch(/k_proj: rank 20 is above the matrix's, 16/);
    const { modules } = await fresh("models/llama-gqa", { r: 20, rankPattern: { k_proj: 4, v_proj: 4 } });
    expect(modules.get("model.layers.0.self_attn.k_proj")).toMatchObject({ r: 4 });
  });
});

test("norms, ends, experts and routers are never", async () => {
  const weights = async (path: string) => {
    const { config, tensors } = await openModelDirectory(goldenPath(path));
    return weightsToQuantize(tensors, modelLayout(readModel(config))).weights.map(({ name }) => name);
  };
  expect((await weights("models/llama-gqa")).filter((name) => /norm|embed|lm_head/.test(name))).toEqual([]);
});

test.each(["ADALORA", "LOHA", "OFT", "PROMPT_TUNING"])("PEFT's %s is refused by name", (peft_type) => {
  const config = { peft_type, r: 4, lora_alpha: 8, target_modules: ["q_proj"] };
  expect(() => parsePeftConfig(config, "adapter_config.json")).toThrow(/peft_type/);
});
